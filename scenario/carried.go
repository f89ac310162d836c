package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/responder"
)

// carried is the daemon's own runner of steps, over a network that is made up. It
// carries out the steps that are requests; what they lead to is what the world says.
type carried struct {
	ctx    context.Context //nolint:containedctx // it lives as long as one case
	runner *action.Runner
	how    answer
}

// answer is how the made-up network answers: the step's own request, its probe
// and its question whether it is needed.
type answer struct {
	exit   int
	broken bool // the connection breaks once the request was sent
	probe  int
	skip   bool
}

// The last elements of the addresses that the network tells apart.
const (
	probePath = "done"
	ifPath    = "needed"
)

func newCarried(ctx context.Context, dir string) *carried {
	c := &carried{ctx: ctx}
	c.runner = action.NewRunner(action.Options{Dir: dir, HTTP: c})
	return c
}

// RoundTrip implements http.RoundTripper.
func (c *carried) RoundTrip(r *http.Request) (*http.Response, error) {
	status := http.StatusOK
	switch name := path.Base(r.URL.Path); {
	case name == probePath && c.how.probe != 0, name == ifPath && c.how.skip:
		status = http.StatusNotFound
	case name == probePath, name == ifPath:
	case c.how.broken:
		return nil, errors.New("connection reset by peer")
	case c.how.exit == exitNothingChanged:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case c.how.exit != 0:
		status = http.StatusInternalServerError
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r,
	}, nil
}

// carriedOut has the daemon's own runner say how an attempt ended, where it can be
// asked. It must say what this world says, in its own words; where exact is false
// the world knows less than it does.
func (w *world) carriedOut(s incident.Start, how answer, model incident.StepResult, exact bool) incident.StepResult {
	if w.carried == nil || !requests(s) {
		return model
	}
	w.carried.how = how
	said := responder.Result(w.carried.runner.Run(w.carried.ctx, responder.Request(s, s.Values)))
	same := said.State == model.State && said.NothingChanged == model.NothingChanged && said.Interrupted == model.Interrupted
	if exact && !same {
		w.fault("step %q of %s ended %s (nothing changed: %t, interrupted: %t), and the runner says %s (%t, %t): %s",
			s.Ref.Name, s.Ref.Service, model.State, model.NothingChanged, model.Interrupted, said.State, said.NothingChanged, said.Interrupted, said.Error)
	}
	return said
}

// requests tells whether a step, its probe and its question are requests.
func requests(s incident.Start) bool {
	for _, do := range [][]byte{s.Do, s.Probe, s.If} {
		if len(do) == 0 {
			continue
		}
		if step, err := action.Decode(do); err != nil || step.Kind != action.KindHTTP {
			return false
		}
	}
	return true
}

// ownEnd is how an attempt ended that came to its own end.
func (w *world) ownEnd(j *job) incident.StepResult {
	s := j.start
	how := answer{exit: j.does.exit(j.turn), broken: j.does.signal != ""}
	if how.broken && w.carried != nil && s.Probe != nil && requests(s) {
		how.probe = w.probe(s)
	}
	s.ProbeFirst = false // it was asked before the attempt began
	return w.carriedOut(s, how, exited(j.does, j.turn), !how.broken || s.Probe == nil)
}

package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rollbackd/rollbackd/incident"
)

// A deployment may be reported a little ahead of our clock, not more.
const maxAhead = time.Minute

const (
	// recordTimeout is how long a report waits to be on record, and recordPoll
	// how often that is looked at.
	recordTimeout = 5 * time.Second
	recordPoll    = 50 * time.Millisecond
	// maxNote is the longest text beside the versions, in characters.
	maxNote = 256
)

// versionRule is what a version may look like to be reported. It is wider than
// the rule for values put into a step (v2~rc1 can run): that one is checked where
// a step is filled in. What listens on NATS has the same.
var versionRule = regexp.MustCompile(`^[A-Za-z0-9][!-~]{0,127}$`)

const versionWanted = "want at most 128 printable ASCII characters without spaces, beginning with a letter or digit"

// Reported is a deployment as it is reported: the body of POST deployments.
type Reported struct {
	Service  string `json:"service"`
	Version  string `json:"version"`
	Previous string `json:"previous,omitempty"`
	// StartedAt is when the version began to run; zero means At.
	StartedAt time.Time `json:"started_at,omitzero"`
	// At is when the deployer noted it; zero means now.
	At             time.Time `json:"at,omitzero"`
	By             string    `json:"by,omitempty"`
	URL            string    `json:"url,omitempty"`
	Change         string    `json:"change,omitempty"`
	NoAutoRollback bool      `json:"no_auto_rollback,omitempty"`
	// Rolling is true for a deployment that has begun and is not everywhere yet; a
	// report of the same version without it says that it has finished.
	Rolling bool `json:"rolling,omitempty"`
}

// deployment takes in a deployment that a person or a pipeline reports, and
// answers once it is on record.
func (s *Server) deployment(w http.ResponseWriter, r *http.Request) {
	var body Reported
	if !decode(w, r, &body) {
		return
	}
	now := s.o.Clock.Now().UTC()
	if problem := body.problem(now); problem != "" {
		fail(w, http.StatusBadRequest, problem)
		return
	}
	if !s.configured(w, r, body.Service) {
		return
	}
	started := body.StartedAt
	if started.IsZero() {
		started = body.At
	}
	s.o.Submit(incident.Deployed{
		Service: body.Service, Version: body.Version, Previous: body.Previous, StartedAt: started,
		At: now, By: cmp.Or(body.By, peerOf(r.Context()).String()), URL: body.URL, Change: body.Change, Source: "api",
		NoAutoRollback: body.NoAutoRollback, Rolling: body.Rolling,
	})
	recorded, err := s.recorded(r.Context(), body)
	switch {
	case err != nil:
		s.unavailable(w, err)
	case !recorded:
		fail(w, http.StatusServiceUnavailable, "the deployment of "+body.Version+" is not on record, most likely because the journal cannot be written: "+
			"it is kept in memory and will be recorded once it can be; report it again if rollbackd is restarted before")
	default:
		succeed(w, json.RawMessage(`{}`))
	}
}

// recorded waits, for a bounded time, until memory shows what was reported: it
// shows nothing that is not on record.
func (s *Server) recorded(ctx context.Context, d Reported) (is bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	tick := s.o.Clock.Ticker(recordPoll)
	defer tick.Stop()
	for {
		err := s.o.View(ctx, func(m Memory, now time.Time) {
			v, _ := m.Service(d.Service, now)
			is = d.shownBy(v)
		})
		switch {
		case is:
			return true, nil
		case ctx.Err() != nil:
			return false, nil
		case err != nil:
			return false, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// shownBy tells whether a service's view has what was reported: the version runs, or
// is known to have been reported, and, where the report says so, is no longer rolling out.
func (d Reported) shownBy(v incident.ServiceView) bool {
	known := v.Deployment
	switch {
	case v.Reported != nil && v.Reported.Version == d.Version:
		known = v.Reported // on record, and waiting for its version source to agree
	case v.Running != d.Version:
		return false
	}
	rolling := known != nil && known.Version == d.Version && known.Rolling
	return d.Rolling || !rolling
}

// problem is what is wrong with a report; empty when nothing is.
func (d Reported) problem(now time.Time) string {
	switch {
	case d.Service == "":
		return "service: say which service was deployed"
	case d.Version == "":
		return "version: say which version was deployed"
	case !versionRule.MatchString(d.Version):
		return "version: " + versionWanted
	case d.Previous != "" && !versionRule.MatchString(d.Previous):
		return "previous: " + versionWanted
	case d.StartedAt.After(now.Add(maxAhead)):
		return "started_at: lies in the future"
	case d.At.After(now.Add(maxAhead)):
		return "at: lies in the future"
	}
	for _, note := range [][2]string{{"by", d.By}, {"url", d.URL}, {"change", d.Change}} {
		if !brief(note[1]) {
			return fmt.Sprintf("%s: want at most %d printable characters", note[0], maxNote)
		}
	}
	return ""
}

func brief(text string) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return utf8.RuneCountInString(text) <= maxNote && !strings.ContainsFunc(text, unprintable)
}

// configured answers the request itself when the service is not known.
func (s *Server) configured(w http.ResponseWriter, r *http.Request, service string) (ok bool) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	err := s.o.View(ctx, func(m Memory, now time.Time) { _, ok = m.Service(service, now) })
	switch {
	case err != nil:
		s.unavailable(w, err)
		return false
	case !ok:
		s.noSuchService(r.Context(), w, service)
	}
	return ok
}

package action

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

const (
	defaultGrace   = 10 * time.Second
	defaultTimeout = 5 * time.Minute
	defaultKeep    = 200
	defaultEvery   = 15 * time.Second
	// The PATH of every exec step: what a service manager gives,
	// whatever shell the daemon was started from.
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// A probe's bound where the step's own timeout is longer.
	probeTimeout = 30 * time.Second
)

// safeName is what a run and a section must look like to be a directory's name.
// Dots are fine (a run is "<incident>.<n>"): what begins with a letter or digit is
// never "..", and it is one element of a path.
var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$`)

// Options are what a Runner needs.
type Options struct {
	// Dir is where runs keep their outputs and pid files. It must outlive the
	// daemon: without it a step that still lives is not found again.
	Dir string
	// Clock is the time; nil means the real one.
	Clock clock.Clock
	// Logger gets what no Result can say; nil logs nothing.
	Logger hclog.Logger
	// HTTP sends the requests of http steps; nil means a transport of the
	// Runner's own. Another type than *http.Transport cannot tell whether
	// anything was sent, so its errors are uncertain unless dialing failed.
	HTTP http.RoundTripper
	// Grace is the time between SIGTERM and SIGKILL; zero means 10 s.
	Grace time.Duration
	// Mask hides the daemon's other secrets in Output and Error; nil hides none.
	Mask func(string) string
	// Path is the PATH of exec steps and where their tools are looked for;
	// empty means the usual one of a service.
	Path string
	// Home is the HOME of exec steps; empty means "/".
	Home string
	// Querier answers query steps; nil means that Prometheus is not configured.
	Querier Querier
	// QueryEvery is the time between two questions of a query step; zero means 15 s.
	QueryEvery time.Duration
	// Keep is how many runs' files are kept, the newest; zero means 200.
	Keep int
}

// Runner carries out attempts. It is safe for concurrent use; an attempt that is
// being carried out already is refused. It starts no goroutine of its own; see
// Tend for what should run beside it.
type Runner struct {
	o       Options
	client  *http.Client
	tracing bool // the transport reports when it has a connection

	mu       sync.Mutex
	running  map[string]*attempt  // by directory name, see attemptKey
	cuts     map[string]time.Time // runs that were cut while none of their attempts was running, and when
	trimming sync.Mutex           // a file is measured and shortened under it
}

// NewRunner makes a Runner. It touches nothing yet.
func NewRunner(o Options) *Runner {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Mask == nil {
		o.Mask = func(s string) string { return s }
	}
	if o.Path == "" {
		o.Path = defaultPath
	}
	if o.Home == "" {
		o.Home = "/"
	}
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.QueryEvery <= 0 {
		o.QueryEvery = defaultEvery
	}
	if o.HTTP == nil {
		o.HTTP = newTransport()
	}
	_, tracing := o.HTTP.(*http.Transport)
	return &Runner{o: o, client: newClient(o.HTTP), tracing: tracing, running: map[string]*attempt{}, cuts: map[string]time.Time{}}
}

// attempt is one Run in progress.
type attempt struct {
	req       Request
	step      Step
	probe     *Step     // nil without one
	condition *Step     // its If; nil without one
	key       string    // its directory below Options.Dir
	began     time.Time // of the step's own work
	mask      *mask
	cancel    context.CancelCauseFunc
	// askedOnly is true where nothing but a question beside the step is asked.
	askedOnly bool
}

// attemptKey is the directory of an attempt: "run/section-index-attempt", or
// "run/section-index-attempt-unit".
func attemptKey(req Request, attempt int) string {
	name := fmt.Sprintf("%s-%d-%d", req.Section, req.Index, attempt)
	if req.Unit != "" {
		// No unit holds a "~", so no two become one.
		name += "-" + strings.ReplaceAll(req.Unit, "/", "~")
	}
	return filepath.Join(req.Run, name)
}

// Run carries out one attempt, or with Resume finds out how an earlier daemon's
// attempt ended. It blocks until the attempt has ended. When ctx ends first, the
// daemon is stopping hard: a program is left alive and the result is uncertain
// and Interrupted, for a later daemon to resume. A daemon that stops in order
// waits for Run instead. An attempt that this Runner is carrying out already is
// not begun a second time: the second Run is uncertain and Interrupted at once.
func (r *Runner) Run(ctx context.Context, req Request) Result {
	began := r.o.Clock.Now()
	if req.Resume && !req.StartedAt.IsZero() {
		began = req.StartedAt
	}
	req.StartedAt = began
	if req.Timeout <= 0 {
		req.Timeout = defaultTimeout
	}
	a := &attempt{req: req, began: began, mask: newMask(r.o.Mask), key: attemptKey(req, req.Attempt)}
	a.mask.add(req.Values["gate_token"])
	res := a.certain(r.run(ctx, a))
	if res.Interrupted && changesNothing(req.Section) {
		res.NothingChanged = true // whatever its end was, it may be asked again
	}
	res.Output = a.mask.tail(res.Output)
	res.Error = a.mask.line(res.Error)
	res.StartedAt, res.EndedAt = began, r.o.Clock.Now()
	return res
}

func (r *Runner) run(ctx context.Context, a *attempt) Result {
	err := a.prepare()
	ctx, release, first := r.register(ctx, a)
	if !first {
		return interrupted(fmt.Sprintf("%s: this daemon carries out attempt %d of run %s already; nothing was started", describe(a.req), a.req.Attempt, a.req.Run))
	}
	defer release()
	switch {
	case err != nil && a.req.Resume:
		// The version that started it could read it; this one cannot.
		return interrupted("cannot be resumed: " + err.Error())
	case err != nil:
		return notRun(err)
	case a.req.Resume && !r.onlyAsked(a):
		return r.resume(ctx, a)
	case wasCut(ctx):
		return cutShort()
	}
	if res, needed := r.needed(ctx, a); !needed {
		return res
	}
	if a.req.ProbeFirst && a.probe != nil {
		if r.ask(ctx, a).State == Done {
			return Result{State: Done, Output: "the probe says that this step is already done; it was not run"}
		}
	}
	if ctx.Err() != nil {
		return a.ended(ctx, Result{State: Uncertain, Error: "the daemon stopped before the step was started", Interrupted: true, NothingChanged: true})
	}
	res := r.perform(ctx, a, a.step, asStep)
	if res.State == Uncertain && !res.Interrupted && !res.NothingChanged && a.probe != nil {
		return r.settle(ctx, a, res)
	}
	return res
}

// prepare decodes and expands the step, its probe and its If.
func (a *attempt) prepare() error {
	if !safeName.MatchString(a.req.Run) || !safeName.MatchString(a.req.Section) {
		return fmt.Errorf("run %.40q, section %.40q: cannot be the name of a directory", a.req.Run, a.req.Section)
	}
	values, err := a.values()
	if err != nil {
		return err
	}
	if a.step, err = readStep(a.req.Do, values); err != nil {
		return err
	}
	if a.probe, err = readBeside(a.req.Probe, values); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if a.probe != nil && !a.probe.Changes() {
		return fmt.Errorf("probe: %s cannot tell whether a step is done; want exec or http", a.probe.Kind)
	}
	if a.condition, err = readBeside(a.req.If, values); err != nil {
		return fmt.Errorf("if: %w", err)
	}
	if a.condition != nil && a.condition.Kind != KindExec && a.condition.Kind != KindHTTP {
		return fmt.Errorf("if: %s cannot tell whether a step is needed; want exec or http", a.condition.Kind)
	}
	return nil
}

// values are those of the request with ${each} among them.
func (a *attempt) values() (map[string]string, error) {
	unit, each := a.req.Unit, a.req.Values["each"]
	if unit == "" {
		return a.req.Values, nil
	}
	if err := CheckValue(unit); err != nil {
		return nil, fmt.Errorf("unit: %w", err)
	}
	if each != "" && each != unit {
		return nil, fmt.Errorf("unit: ${each} is %.40q; want the unit itself, %s", each, unit)
	}
	values := maps.Clone(a.req.Values)
	if values == nil {
		values = map[string]string{}
	}
	values["each"] = unit
	return values, nil
}

// readBeside reads a probe or an If; nil if there is none.
func readBeside(do []byte, values map[string]string) (*Step, error) {
	if len(do) == 0 || string(do) == "null" {
		return nil, nil //nolint:nilnil // none is no error
	}
	step, err := readStep(do, values)
	return &step, err
}

func readStep(do []byte, values map[string]string) (Step, error) {
	step, err := Decode(do)
	if err != nil {
		return Step{}, err
	}
	return Expand(step, values)
}

// register makes the attempt known to Cut and Tail; false where the same attempt
// is known already.
func (r *Runner) register(ctx context.Context, a *attempt) (context.Context, func(), bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[a.key] != nil {
		return ctx, nil, false
	}
	ctx, a.cancel = context.WithCancelCause(ctx)
	r.running[a.key] = a
	if r.wasCutEarlier(a) {
		a.cancel(errCut)
	}
	return ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, a.key)
		a.cancel(nil)
	}, true
}

// perform carries out one step in a role.
func (r *Runner) perform(ctx context.Context, a *attempt, s Step, as role) Result {
	switch s.Kind {
	case KindExec:
		return r.exec(ctx, a, s, as)
	case KindHTTP:
		return r.http(ctx, a, s, as)
	case KindSymlink:
		if as.looks() {
			return pointsTo(s)
		}
		return switchLink(s)
	case KindWait:
		return r.wait(ctx, a, s)
	case KindQuery:
		return r.query(ctx, a, s)
	case KindApproval:
		return notRun(errApproval)
	default:
		return notRun(fmt.Errorf("step: kind %q is not implemented in this version", s.Kind))
	}
}

// Tail is the tail of what an exec attempt has written so far, at most 4 KiB,
// made harmless like Result.Output; empty when there is none. Of the request it
// looks at Run, Section, Index, Unit and Attempt.
func (r *Runner) Tail(req Request) string {
	if !safeName.MatchString(req.Run) || !safeName.MatchString(req.Section) || req.Unit != "" && CheckValue(req.Unit) != nil {
		return ""
	}
	key := attemptKey(req, req.Attempt)
	r.mu.Lock()
	hide := newMask(r.o.Mask)
	if a := r.running[key]; a != nil {
		hide = a.mask
	}
	r.mu.Unlock()
	return hide.tail(readTail(filepath.Join(r.o.Dir, key, outputFile)))
}

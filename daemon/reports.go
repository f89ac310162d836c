package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/report"
	"github.com/rollbackd/rollbackd/responder"
)

const (
	// reportsLookBack is how long ago an incident may have closed that is caught up
	// with at a start, reportsAtOnce how many of them.
	reportsLookBack = 24 * time.Hour
	reportsAtOnce   = 500
	// reportsAgain is when what failed is tried once more.
	reportsAgain = 5 * time.Minute
	// measureTries bounds how often Prometheus is asked about one incident.
	measureTries = 6
)

// reports writes closed incidents down and has their impact measured. Nothing that
// decides or acts waits for it. Its methods are for one goroutine.
type reports struct {
	h *house
	// writing and measuring hold the incidents to be seen to, and from when on;
	// tries counts how often an impact was asked for.
	writing, measuring map[string]time.Time
	tries              map[string]int
	// last is the number of the newest entry seen; zero before the first.
	last uint64
}

func newReports(h *house) *reports {
	return &reports{h: h, writing: map[string]time.Time{}, measuring: map[string]time.Time{}, tries: map[string]int{}}
}

// run follows the journal until ctx ends. It catches up first with what closed
// while nobody looked.
func (r *reports) run(ctx context.Context) error {
	entries, cancel := r.h.responder.Subscribe()
	defer cancel()
	r.catchUp(ctx)
	for {
		next := r.work(ctx)
		timer := r.h.o.Clock.Timer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case e := <-entries:
			r.take(ctx, e)
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take notes what an entry asks for. Where entries were lost on the way, all of
// the last day is looked through.
func (r *reports) take(ctx context.Context, e responder.Recorded) {
	if r.last != 0 && e.Seq != r.last+1 {
		r.catchUp(ctx)
	}
	r.last = e.Seq
	now := r.h.o.Clock.Now()
	switch e.Kind {
	case incident.KindClosed:
		r.writing[e.Incident] = now
		r.measuring[e.Incident] = now.Add(r.settle())
	case incident.KindImpact, incident.KindHorizon, incident.KindReopened:
		r.writing[e.Incident] = now
	default:
	}
}

// settle is how long after a close its last samples take to reach Prometheus.
func (r *reports) settle() time.Duration { return r.h.config.Load().Prometheus.PollInterval }

// catchUp notes the incidents that closed within the last day and have no report
// that is newer, or no impact.
func (r *reports) catchUp(ctx context.Context) {
	now := r.h.o.Clock.Now()
	ids, err := r.h.journal.Incidents(ctx, journal.Query{State: "closed", Limit: reportsAtOnce})
	if err != nil {
		r.complain(ctx, "the incidents of the last day cannot be looked through for reports", err)
		return
	}
	for _, id := range ids {
		inc, found, err := r.h.history.Incident(ctx, id)
		if err != nil || !found || inc.ClosedAt.Before(now.Add(-reportsLookBack)) {
			continue
		}
		if r.outdated(inc) {
			r.writing[id] = now
		}
		if inc.Impact == nil {
			r.measuring[id] = now.Add(r.settle())
		}
	}
}

// outdated tells whether an incident's report is missing, or older than its newest
// moment.
func (r *reports) outdated(inc *incident.Incident) bool {
	dir := r.h.config.Load().Reports.Dir
	if dir == "" || len(inc.Timeline) == 0 {
		return false
	}
	for ending := range reportFiles() {
		info, err := os.Stat(filepath.Join(dir, inc.ID+ending))
		if err != nil || info.ModTime().Before(inc.Timeline[len(inc.Timeline)-1].At) {
			return true
		}
	}
	return false
}

// work does what is due, and returns how long to wait for what comes next.
func (r *reports) work(ctx context.Context) time.Duration {
	now := r.h.o.Clock.Now()
	for _, id := range dueBy(r.writing, now) {
		delete(r.writing, id)
		if err := r.write(ctx, id); err != nil {
			r.complain(ctx, "the report of an incident could not be written; it is tried again", err)
			r.writing[id] = now.Add(reportsAgain)
		}
	}
	for _, id := range dueBy(r.measuring, now) {
		delete(r.measuring, id)
		r.measure(ctx, id)
	}
	next := time.Hour
	for _, waiting := range []map[string]time.Time{r.writing, r.measuring} {
		for _, at := range waiting {
			next = min(next, max(at.Sub(now), time.Millisecond))
		}
	}
	return next
}

// dueBy are the incidents whose time has come, in the order of their names.
func dueBy(waiting map[string]time.Time, now time.Time) []string {
	var due []string
	for _, id := range slices.Sorted(maps.Keys(waiting)) {
		if !waiting[id].After(now) {
			due = append(due, id)
		}
	}
	return due
}

// measure has the brain put an incident's impact on record. A Prometheus that does
// not answer is asked again, a few times; then the record says that it did not.
func (r *reports) measure(ctx context.Context, id string) {
	inc, found, err := r.h.history.Incident(ctx, id)
	if err != nil || !found || inc.State != incident.Closed || inc.Impact != nil {
		return
	}
	measured, err := r.h.impactOf(ctx, r.h.config.Load(), inc.Public())
	if ctx.Err() != nil {
		return // the next start measures it
	}
	if r.tries[id]++; err != nil && r.tries[id] < measureTries {
		r.measuring[id] = r.h.o.Clock.Now().Add(reportsAgain)
		return
	}
	delete(r.tries, id)
	r.h.responder.Submit(incident.Measured{Service: inc.Service, Incident: id, Impact: measured})
}

// reportFiles are the forms that are written, by the ending of their files.
func reportFiles() map[string]report.Format {
	return map[string]report.Format{".md": report.Markdown, ".json": report.JSON, ".html": report.HTML}
}

// write writes an incident down in every form. One that was opened again is written
// too: what was there is not true any more.
func (r *reports) write(ctx context.Context, id string) error {
	c := r.h.config.Load()
	if c.Reports.Dir == "" {
		return nil
	}
	if id != filepath.Base(id) || !filepath.IsLocal(id) {
		return fmt.Errorf("incident %q has an ID that is no name for a file", id)
	}
	inc, found, err := r.h.history.Incident(ctx, id)
	if err != nil || !found {
		return err
	}
	if err := os.MkdirAll(c.Reports.Dir, 0o750); err != nil {
		return err
	}
	o := report.Options{Now: r.h.o.Clock.Now(), ExternalURL: c.Web.ExternalURL}
	var errs []error
	for ending, format := range reportFiles() {
		var b bytes.Buffer
		if err := report.Write(&b, inc.Public(), report.Ask{Format: format}, o); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, replaceFile(filepath.Join(c.Reports.Dir, id+ending), b.Bytes()))
	}
	return errors.Join(errs...)
}

// replaceFile writes a file whole or not at all: who reads it meanwhile has the old
// one.
func replaceFile(path string, body []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it was not finished
		}
	}()
	_, err = f.Write(body)
	if err := errors.Join(err, f.Chmod(0o640), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// complain logs what went wrong, unless the daemon stops.
func (r *reports) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.h.log.Warn(what, "err", err)
	}
}

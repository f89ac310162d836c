package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/record"
	"github.com/rollbackd/rollbackd/trigger"
)

// diary is a brain with its journal on disk.
type diary struct {
	t       *testing.T
	brain   *incident.Brain
	journal *journal.Journal
	path    string
	now     time.Time
}

func newDiary(t *testing.T) *diary {
	t.Helper()
	d := &diary{t: t, brain: incident.New(incident.Options{}), path: filepath.Join(t.TempDir(), "journal.db"), now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	var err error
	if d.journal, err = journal.Open(t.Context(), d.path, journal.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.journal.Close() })
	d.submit(incident.Restored{To: d.now})
	return d
}

func (d *diary) Record(e incident.Entry, _ *incident.Message) error {
	whole, err := json.Marshal(e)
	if err != nil {
		return err
	}
	m := journal.Meta{At: e.At, Kind: string(e.Kind), Service: e.Service, Incident: e.Incident}
	if short, ok := e.Lasting(); ok {
		if m.Lasting, err = json.Marshal(short); err != nil {
			return err
		}
	}
	_, err = d.journal.Append(context.Background(), whole, m, nil)
	return err
}

func (d *diary) Carry(incident.Effect) {}

func (d *diary) submit(in incident.Input) { incident.Drive(d.brain, d.now, in, d) }

// incident puts an incident on record, with what a capture wrote.
func (d *diary) incident(id string, closes bool) {
	d.t.Helper()
	entries := []incident.Entry{
		{Kind: incident.KindOpened, Opened: &incident.OpenedEntry{Severity: trigger.High, Mode: "live"}},
		{Kind: incident.KindCaptured, Captured: &incident.Capturing{Name: "logs", Result: incident.StepResult{State: incident.StepDone, Output: "canary " + id}}},
	}
	if closes {
		entries = append(entries, incident.Entry{Kind: incident.KindClosed, Closed: &incident.ClosedEntry{Outcome: incident.Recovered}})
	}
	for _, e := range entries {
		d.now = d.now.Add(time.Second)
		e.At, e.Service, e.Incident = d.now, "checkout", id
		if err := d.Record(e, nil); err != nil {
			d.t.Fatal(err)
		}
		d.brain.Apply(e)
	}
}

// outputs are what captures wrote, by incident, as far as it is on record.
func (d *diary) outputs() (found []string) {
	d.t.Helper()
	err := d.journal.Replay(d.t.Context(), func(_ uint64, raw []byte) error {
		e, err := decode(raw)
		if e.Captured != nil && e.Captured.Result.Output != "" {
			found = append(found, e.Captured.Result.Output)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

// agrees holds the memory to a replay, and the record to its proof.
func (d *diary) agrees() {
	d.t.Helper()
	again := incident.New(incident.Options{})
	if _, err := replay(d.t.Context(), d.journal, again, nil); err != nil {
		d.t.Fatal(err)
	}
	live, _ := d.brain.Snapshot()
	replayed, _ := again.Snapshot()
	if diff := cmp.Diff(string(live), string(replayed)); diff != "" {
		d.t.Errorf("a replay differs (-remembered +replayed):\n%s", diff)
	}
	if _, err := record.Verify(d.t.Context(), d.path, nil); err != nil {
		d.t.Error(err)
	}
}

func (d *diary) retention(runs string) *retention {
	runner := action.NewRunner(action.Options{Dir: runs})
	return &retention{
		journal: d.journal, submit: d.submit, runs: runs, forgetRun: runner.Forget, lasts: 48 * time.Hour,
		clock: clock.New(), log: hclog.NewNullLogger(),
	}
}

func TestRetentionRemovesWhatIsOldOnceTheRecordSaysSo(t *testing.T) {
	d := newDiary(t)
	for i := range 30 {
		d.incident(fmt.Sprintf("old-%d", i), true)
	}
	limit := d.now.Add(time.Millisecond)
	d.now = d.now.Add(72 * time.Hour)
	d.incident("young", true)
	d.incident("open", false)
	r := d.retention(t.TempDir())

	more, err := r.look(t.Context(), limit)
	if err != nil || !more || len(d.outputs()) != 32 {
		t.Fatalf("first look: %v, %v, %d outputs; want it on record and nothing removed yet", more, err, len(d.outputs()))
	}
	d.agrees()
	more, err = r.look(t.Context(), limit)
	if err != nil || !more {
		t.Fatalf("second look: %v, %v", more, err)
	}
	if diff := cmp.Diff([]string{"canary young", "canary open"}, d.outputs()); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	d.agrees()
	r.scrub(t.Context())
	for _, name := range []string{d.path, d.path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil || bytes.Contains(content, []byte("canary old")) {
			t.Errorf("%s still holds what was removed (%v)", name, err)
		}
	}
	seq, _ := d.journal.Head()
	if more, err = r.look(t.Context(), limit); err != nil || more {
		t.Errorf("third look: %v, %v; want that nothing is left to do", more, err)
	}
	if after, _ := d.journal.Head(); after != seq {
		t.Error("a look that found nothing is on record")
	}
}

// TestRetentionLeavesAloneWhatIsOpenAgain: it asks for nothing that the brain would
// refuse, or it would ask every minute for as long as nobody looks after the incident.
func TestRetentionLeavesAloneWhatIsOpenAgain(t *testing.T) {
	d := newDiary(t)
	d.incident("again", true)
	again := incident.Entry{
		At: d.now.Add(time.Minute), Kind: incident.KindReopened, Service: "checkout", Incident: "again",
		Reopened: &incident.ReopenedEntry{Severity: trigger.High}, Decided: &incident.Decision{State: incident.Held, Severity: trigger.High},
	}
	if err := d.Record(again, nil); err != nil {
		t.Fatal(err)
	}
	d.brain.Apply(again)
	r := d.retention(t.TempDir())
	asked := 0
	r.submit = func(incident.Input) { asked++ }
	more, err := r.look(t.Context(), d.now.Add(72*time.Hour))
	if err != nil || more || asked > 0 {
		t.Errorf("asked %d times, more %v, %v; want nothing to do", asked, more, err)
	}
	d.agrees()
}

// TestRetentionGoesOnAfterAKill has one incident removed of those on record.
func TestRetentionGoesOnAfterAKill(t *testing.T) {
	d := newDiary(t)
	for i := range 3 {
		d.incident(fmt.Sprintf("old-%d", i), true)
	}
	limit := d.now.Add(time.Millisecond)
	d.now = d.now.Add(72 * time.Hour)
	d.submit(incident.Forget{Before: limit, Incidents: []string{"old-0", "old-1"}})
	if err := d.journal.RemoveDetails(t.Context(), "old-0"); err != nil {
		t.Fatal(err)
	}
	r := d.retention(t.TempDir())
	for range 3 {
		if _, err := r.look(t.Context(), limit); err != nil {
			t.Fatal(err)
		}
		d.agrees()
	}
	if left := d.outputs(); left != nil {
		t.Errorf("%q are left", left)
	}
}

func TestRetentionRemovesTheFilesOfOldRuns(t *testing.T) {
	runs := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"checkout-1.1": 49 * time.Hour, "checkout-1.capture": 50 * time.Hour, "checkout-2.1": 47 * time.Hour} {
		dir := filepath.Join(runs, name)
		if err := os.MkdirAll(filepath.Join(dir, "steps-0-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	newDiary(t).retention(runs).forgetRuns(now.Add(-48 * time.Hour))
	left, err := os.ReadDir(runs)
	if err != nil || len(left) != 1 || left[0].Name() != "checkout-2.1" {
		t.Errorf("left are %v, %v; want checkout-2.1", left, err)
	}
}

// TestRetentionLooksByItself lets the hours of a start pass.
func TestRetentionLooksByItself(t *testing.T) {
	d := newDiary(t)
	d.incident("old", true)
	synctest.Test(t, func(t *testing.T) {
		d.now = time.Now()
		r := d.retention(filepath.Join(t.TempDir(), "none"))
		var submitted []incident.Input
		r.submit = func(in incident.Input) { submitted = append(submitted, in) }
		r.lasts = -30 * 365 * 24 * time.Hour // the bubble's clock begins long before the incident
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(forgetSoon + time.Second)
		synctest.Wait()
		if len(submitted) != 1 {
			t.Errorf("%d inputs after the first minute, want 1", len(submitted))
		}
		time.Sleep(forgetSoon)
		synctest.Wait()
		if len(submitted) != 2 {
			t.Errorf("%d inputs while it is not on record, want 2", len(submitted))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

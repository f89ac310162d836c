package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/trigger"
)

// written is a journal with three incidents, of which the newest is open.
func written(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	at := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	for n, service := range []string{"checkout", "search", "checkout"} {
		id := fmt.Sprintf("inc-%d", n+1)
		at = at.Add(time.Hour)
		write(t, j, incident.Entry{
			At: at, Kind: incident.KindOpened, Service: service, Incident: id,
			Opened: &incident.OpenedEntry{Severity: trigger.High, Mode: "live"},
		})
		if n < 2 {
			write(t, j, incident.Entry{
				At: at.Add(time.Minute), Kind: incident.KindClosed, Service: service, Incident: id,
				Closed: &incident.ClosedEntry{Outcome: incident.Recovered},
			})
		}
	}
	return j
}

func write(t *testing.T, j *journal.Journal, e incident.Entry) {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	m := journal.Meta{At: e.At, Kind: string(e.Kind), Service: e.Service, Incident: e.Incident}
	if _, err := j.Append(context.Background(), raw, m, nil); err != nil {
		t.Fatal(err)
	}
}

func TestHistory(t *testing.T) {
	h := newHistory(written(t), clock.NewMock())
	if i, ok, err := h.Incident(t.Context(), "inc-1"); err != nil || !ok || i.Service != "checkout" || len(i.Timeline) != 2 {
		t.Errorf("got %+v, %v, %v", i, ok, err)
	}
	if _, ok, err := h.Incident(t.Context(), "inc-9"); err != nil || ok {
		t.Errorf("one that is not there: got %v, %v", ok, err)
	}
}

func TestReplay(t *testing.T) {
	j := written(t)
	b := incident.New(incident.Options{})
	last, err := replay(t.Context(), j, b, nil)
	if err != nil || !last.Equal(time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v, %v, want the time of the last entry", last, err)
	}
	if i, ok := b.Incident("checkout"); !ok || i.ID != "inc-3" {
		t.Errorf("got %+v, %v, want the open incident", i, ok)
	}
}

func TestReplayOfAnEmptyJournal(t *testing.T) {
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if last, err := replay(t.Context(), j, incident.New(incident.Options{}), nil); err != nil || !last.IsZero() {
		t.Errorf("got %v, %v, want nothing", last, err)
	}
}

func TestAnEntryThatCannotBeReadStopsTheStart(t *testing.T) {
	j := written(t)
	if _, err := j.Append(t.Context(), []byte(`{"at":"noon"}`), journal.Meta{At: time.Unix(0, 0), Kind: "x"}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := replay(t.Context(), j, incident.New(incident.Options{}), nil)
	if err == nil || !strings.Contains(err.Error(), "journal entry 6") {
		t.Errorf("got %v, want an error that names the entry", err)
	}
}

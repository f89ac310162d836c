package record_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/record"
)

var begin = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// canary is what a step wrote; nothing else in an entry holds it.
const canary = "the canary of "

// entry is what a brain would have put on record as the nth entry: incidents of four
// entries each, the third with details.
func entry(n int) incident.Entry {
	e := incident.Entry{
		At: begin.Add(time.Duration(n) * time.Minute), Service: "checkout", Incident: fmt.Sprintf("checkout-%d", n/4), Actor: "rollbackd", Text: "text", Config: "c0ffee",
	}
	switch n % 4 {
	case 0:
		e.Kind, e.Opened = incident.KindOpened, &incident.OpenedEntry{Mode: "live"}
	case 1:
		e.Kind, e.Actor, e.Command = incident.KindAcked, "alice", &incident.CommandEntry{Verb: "ack", Reason: "<looking>"}
	case 2:
		e.Kind = incident.KindStepEnded
		e.Step = &incident.StepEntry{
			Ref:    incident.StepRef{Run: "r", Name: "flip"},
			Result: &incident.StepResult{State: incident.StepDone, Output: fmt.Sprintf("%s%d\n", canary, n), StartedAt: e.At, EndedAt: e.At},
		}
	case 3:
		e.Kind, e.Closed = incident.KindClosed, &incident.ClosedEntry{Outcome: incident.RolledBack}
	}
	return e
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func add(tb testing.TB, j *journal.Journal, e incident.Entry) {
	tb.Helper()
	whole, err := json.Marshal(e)
	must(tb, err)
	m := journal.Meta{At: e.At, Kind: string(e.Kind), Service: e.Service, Incident: e.Incident}
	if short, ok := e.Lasting(); ok {
		m.Lasting, err = json.Marshal(short)
		must(tb, err)
	}
	_, err = j.Append(tb.Context(), whole, m, nil)
	must(tb, err)
}

// open makes a journal with n entries.
func open(tb testing.TB, n int) (*journal.Journal, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "journal.db")
	j, err := journal.Open(tb.Context(), path, journal.Options{})
	must(tb, err)
	tb.Cleanup(func() { _ = j.Close() })
	for i := range n {
		add(tb, j, entry(i))
	}
	return j, path
}

// sealed is a closed one.
func sealed(tb testing.TB, n int) string {
	tb.Helper()
	j, path := open(tb, n)
	must(tb, j.Close())
	return path
}

// tamper changes a journal behind its back.
func tamper(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	connector, err := sqlite.NewConnector(path)
	must(tb, err)
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	for _, s := range append([]string{"DROP TRIGGER IF EXISTS entries_are_final"}, statements...) {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

func TestARecordThatIsWholeIsSummedUp(t *testing.T) {
	j, path := open(t, 12)
	seq, hash := j.Head()
	want := record.Summary{Entries: 12, First: begin, Last: begin.Add(11 * time.Minute), Head: record.Head{Seq: seq, Hash: hash}}
	for range 2 { // while it is open for writing, and closed
		got, err := record.Verify(t.Context(), path, []record.Head{want.Head})
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		must(t, j.Close())
	}
	if _, err := record.Verify(t.Context(), sealed(t, 0), nil); err != nil {
		t.Errorf("an empty record: %v", err)
	}
	if _, err := record.Verify(t.Context(), path+"x", nil); err == nil {
		t.Error("a record that is not there is fine")
	}
}

func TestEachKindOfAlterationIsNamed(t *testing.T) {
	const swap = "UPDATE entries SET seq = CASE seq WHEN 107 THEN 8 WHEN 108 THEN 7 ELSE seq END WHERE seq > 100"
	tests := []struct {
		name       string
		statements []string
		seq        uint64
		want       string
	}{
		{"content", []string{`UPDATE entries SET entry = CAST(replace(CAST(entry AS TEXT), 'looking', 'lookinG') AS BLOB) WHERE seq = 6`}, 6, "acked checkout checkout-1"},
		{"details", []string{"UPDATE entries SET detail = CAST(detail || 'x' AS BLOB) WHERE seq = 7"}, 7, "its details do not match their hash"},
		{"details where there were none", []string{"UPDATE entries SET detail = zeroblob(20) WHERE seq = 6"}, 6, "details that it never had"},
		{"time", []string{"UPDATE entries SET at = at + 1 WHERE seq = 3"}, 3, "its time was altered"},
		{"kind", []string{"UPDATE entries SET kind = 'vetoed' WHERE seq = 6"}, 6, `its kind was altered: "vetoed" is stored beside it, and the entry itself says "acked"`},
		{"service", []string{"UPDATE entries SET service = 'cart' WHERE seq = 1"}, 1, "its service was altered"},
		{"incident", []string{"UPDATE entries SET incident = 'x' WHERE seq = 12"}, 12, "its incident was altered"},
		{"number", []string{"UPDATE entries SET seq = 99 WHERE seq = 12"}, 12, "stored as entry 99"},
		{"hash", []string{"UPDATE entries SET hash = 'x' || substr(hash, 2) WHERE seq = 4"}, 4, "does not match its hash"},
		{"link", []string{"UPDATE entries SET prev = 'x' || substr(prev, 2) WHERE seq = 4"}, 4, "the hash of the entry before it was altered"},
		{"one missing", []string{"DELETE FROM entries WHERE seq = 6"}, 6, "it is missing: the next one is entry 7 of 2026-03-01T03:06:00Z"},
		{"the first missing", []string{"DELETE FROM entries WHERE seq = 1"}, 1, "it is missing"},
		{"two exchanged", []string{"UPDATE entries SET seq = seq + 100 WHERE seq IN (7, 8)", swap}, 7, "the order was altered: what belongs here is stored as entry 8"},
		{"the end cut", []string{"DELETE FROM entries WHERE seq > 9"}, 10, "cut after entry 9, and had ended with entry 12"},
		{"all gone", []string{"DELETE FROM entries"}, 1, "it is missing"},
		{"the end unknown", []string{"DELETE FROM head"}, 0, "does not say where it ends"},
		{"another end", []string{"UPDATE head SET hash = 'x'"}, 12, "not the entry that the journal ended with"},
		{"no end", []string{"UPDATE head SET hash = ''"}, 12, "not the entry that the journal ended with"},
		{"an earlier end", []string{"UPDATE head SET seq = 11, hash = (SELECT hash FROM entries WHERE seq = 11)"}, 12, "added behind entry 11"},
		{"young details removed", []string{"UPDATE entries SET detail = NULL WHERE seq = 7"}, 7, "its details were removed, and no entry after it says"},
		{"one before the first", []string{"INSERT INTO entries SELECT 0, at, kind, service, incident, entry, prev, hash, NULL, 0, '' FROM entries WHERE seq = 1"}, 0, "the number 0 cannot come after 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := sealed(t, 12)
			tamper(t, path, tt.statements...)
			_, err := record.Verify(t.Context(), path, nil)
			found, is := errors.AsType[*record.AlteredError](err)
			if !is {
				t.Fatalf("got %v, want an *AlteredError", err)
			}
			if found.Seq != tt.seq || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want entry %d: %s", err, tt.seq, tt.want)
			}
		})
	}
}

// TestARewrittenRecordIsShownByAPublishedHead has somebody cut off or rewrite the end
// of the record with all that belongs to it. The file alone is as good as before.
func TestARewrittenRecordIsShownByAPublishedHead(t *testing.T) {
	path := sealed(t, 12)
	sum, err := record.Verify(t.Context(), path, nil)
	must(t, err)
	var early record.Head
	must(t, rows(t, path, func(r journal.Row) {
		if r.Seq == 5 {
			early = record.Head{Seq: r.Seq, Hash: r.Hash[:12]}
		}
	}))
	cut := copied(t, path)
	tamper(t, cut, "DELETE FROM entries WHERE seq > 8", "UPDATE head SET seq = 8, hash = (SELECT hash FROM entries WHERE seq = 8)")
	if _, err := record.Verify(t.Context(), cut, []record.Head{early}); err != nil {
		t.Errorf("a head from before the cut: %v", err)
	}
	_, err = record.Verify(t.Context(), cut, []record.Head{early, sum.Head})
	if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != 9 || !strings.Contains(err.Error(), "cut after entry 8, and had ended with entry 12") {
		t.Errorf("a cut end: %v", err)
	}

	forged, other := open(t, 0)
	for n := range 12 {
		e := entry(n)
		if n >= 4 {
			e.Actor = "mallory"
		}
		add(t, forged, e)
	}
	must(t, forged.Close())
	if _, err := record.Verify(t.Context(), other, nil); err != nil {
		t.Errorf("the forged record is not whole: %v", err)
	}
	_, err = record.Verify(t.Context(), other, []record.Head{early})
	if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != 5 || !strings.Contains(err.Error(), "was rewritten") {
		t.Errorf("a rewritten record: %v", err)
	}
}

func rows(tb testing.TB, path string, fn func(journal.Row)) error {
	tb.Helper()
	i, err := journal.Inspect(tb.Context(), path)
	if err != nil {
		return err
	}
	defer func() { _ = i.Close() }()
	return i.Rows(tb.Context(), func(r journal.Row) error { fn(r); return nil })
}

func copied(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	must(tb, err)
	to := filepath.Join(tb.TempDir(), "copy.db")
	must(tb, os.WriteFile(to, content, 0o600))
	return to
}

// TestAFlippedByteIsNamedOrChangesNothing flips one bit anywhere in the file. Either
// it is found, or what the record says is what it said.
func TestAFlippedByteIsNamedOrChangesNothing(t *testing.T) {
	path := sealed(t, 120)
	content, err := os.ReadFile(path)
	must(t, err)
	said := func(path string) (text string, err error) {
		err = rows(t, path, func(r journal.Row) {
			d := r.Details
			if d == nil {
				d = &journal.Details{}
			}
			r.Details = nil
			text += fmt.Sprintf("%+v %s %+v\n", r, r.Entry, *d)
		})
		return text, err
	}
	want, err := said(path)
	must(t, err)
	r := rand.New(rand.NewPCG(5, 5))
	flips, found, named := 250, 0, 0
	if testing.Short() {
		flips = 60
	}
	to := filepath.Join(t.TempDir(), "flipped.db")
	for range flips {
		at, bit := r.IntN(len(content)), byte(1)<<r.IntN(8)
		content[at] ^= bit
		must(t, os.WriteFile(to, content, 0o600))
		content[at] ^= bit
		_, err := record.Verify(t.Context(), to, nil)
		if err == nil {
			if got, err := said(to); got != want || err != nil {
				t.Errorf("bit %#x of byte %d: not found (%v)", bit, at, err)
			}
			continue
		}
		found++
		if e, is := errors.AsType[*record.AlteredError](err); is && e.Seq > 0 {
			named++
		}
	}
	if found < flips/4 || named < found/2 {
		t.Errorf("of %d flips %d were found, and %d named their entry: this shows little", flips, found, named)
	}
}

func TestDetailsThatWereDueMayBeGone(t *testing.T) {
	j, path := open(t, 12)
	forgotten := func(before time.Time, at int, ids ...string) {
		add(t, j, incident.Entry{
			At: begin.Add(time.Duration(at) * time.Minute), Kind: incident.KindForgotten, Actor: "rollbackd", Text: "t", Config: "c",
			Forgotten: &incident.ForgottenEntry{Before: before, Incidents: ids},
		})
	}
	outlived, err := j.Outlived(t.Context(), begin.Add(8*time.Minute), 10)
	must(t, err)
	if diff := cmp.Diff([]string{"checkout-0", "checkout-1"}, outlived); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	forgotten(begin.Add(8*time.Minute), 600, outlived...)
	for _, id := range outlived {
		must(t, j.RemoveDetails(t.Context(), id))
	}
	sum, err := record.Verify(t.Context(), path, nil)
	must(t, err)
	if sum.Removed != 2 || sum.Entries != 13 {
		t.Errorf("got %+v, want 2 of 13 without details", sum)
	}
	if again, err := j.Outlived(t.Context(), begin.Add(8*time.Minute), 10); err != nil || len(again) > 0 {
		t.Errorf("%q are still to be removed (%v)", again, err)
	}
	// What was put in the place of what was removed is not what was removed.
	other := filepath.Join(t.TempDir(), "copy.db")
	must(t, j.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(other, content, 0o600))
	tamper(t, other, "UPDATE entries SET detail = x'00' WHERE seq = 3")
	_, err = record.Verify(t.Context(), other, nil)
	if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != 3 {
		t.Errorf("got %v, want entry 3", err)
	}
	j, err = journal.Open(t.Context(), path, journal.Options{})
	must(t, err)
	// An entry that allows it for what is too young, or came after it, allows nothing.
	must(t, j.RemoveDetails(t.Context(), "checkout-2"))
	forgotten(begin.Add(10*time.Minute), 601, "checkout-2")
	forgotten(begin.Add(800*time.Minute), 602, "checkout-2")
	_, err = record.Verify(t.Context(), path, nil)
	if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != 11 {
		t.Errorf("got %v, want entry 11", err)
	}
	must(t, j.Close())
	content, err = os.ReadFile(path)
	must(t, err)
	if bytes.Contains(content, []byte(canary)) {
		t.Error("the file still holds what was removed")
	}
}

func TestAnExportProvesTheSame(t *testing.T) {
	j, path := open(t, 12)
	must(t, j.RemoveDetails(t.Context(), "checkout-0"))
	add(t, j, incident.Entry{
		At: begin.Add(time.Hour), Kind: incident.KindForgotten, Config: "c",
		Forgotten: &incident.ForgottenEntry{Before: begin.Add(4 * time.Minute), Incidents: []string{"checkout-0"}},
	})
	for _, odd := range []string{"", "not JSON", " {}", "{\n}", "\xff"} {
		_, err := j.Append(t.Context(), []byte(odd), journal.Meta{At: begin, Kind: "odd"}, nil)
		must(t, err)
	}
	want, err := record.Verify(t.Context(), path, nil)
	must(t, err)
	var out bytes.Buffer
	must(t, record.Export(t.Context(), path, record.Filter{}, &out))
	got, err := record.VerifyExport(t.Context(), "export", bytes.NewReader(out.Bytes()), []record.Head{want.Head})
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	lines := strings.SplitAfter(strings.TrimSpace(out.String()), "\n")
	tests := map[string]struct {
		text string
		seq  uint64
	}{
		"a changed word":      {strings.Replace(out.String(), "alice", "mallo", 1), 2},
		"a changed output":    {strings.Replace(out.String(), canary+"6", canary+"7", 1), 7},
		"a changed time":      {strings.Replace(out.String(), `"at":"2026-03-01T03:01:00Z","at_ns"`, `"at":"2026-03-01T03:01:01Z","at_ns"`, 1), 0},
		"a line left out":     {strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""), 5},
		"the first left out":  {strings.Join(lines[1:], ""), 1},
		"no JSON":             {"hello\n", 0},
		"another entry shown": {strings.Replace(out.String(), `,"entry":`, `,"entry":{"text":"all was well"},"Entry":`, 1), 1},
		"another kind shown":  {strings.Replace(out.String(), `"kind":"opened"`, `"kind":"closed","Kind":"opened"`, 1), 1},
		"another word added":  {strings.Replace(out.String(), `"seq":2,`, `"seq":2,"actor":"mallory",`, 1), 2},
		"details elsewhere":   {strings.Replace(out.String(), `"details":{"at":`, `"details":{"at":9`, 1), 3},
	}
	for name, tt := range tests {
		_, err := record.VerifyExport(t.Context(), "export", strings.NewReader(tt.text), nil)
		if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != tt.seq {
			t.Errorf("%s: got %v, want entry %d", name, err, tt.seq)
		}
	}
}

func TestAnExportEndsAtTheFirstDamage(t *testing.T) {
	path := sealed(t, 12)
	tamper(t, path, "UPDATE entries SET at = at + 1 WHERE seq = 9")
	var out bytes.Buffer
	err := record.Export(t.Context(), path, record.Filter{Incident: "checkout-1", Since: begin.Add(5 * time.Minute)}, &out)
	if found, is := errors.AsType[*record.AlteredError](err); !is || found.Seq != 9 {
		t.Errorf("got %v, want entry 9", err)
	}
	var seqs []uint64
	for line := range strings.Lines(out.String()) {
		var l struct {
			Seq   uint64
			Entry incident.Entry
		}
		must(t, json.Unmarshal([]byte(line), &l))
		if l.Entry.Incident != "checkout-1" {
			t.Errorf("an entry of %s is among them", l.Entry.Incident)
		}
		seqs = append(seqs, l.Seq)
	}
	if diff := cmp.Diff([]uint64{6, 7, 8}, seqs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAHeadIsReadAsItIsPrinted(t *testing.T) {
	h := record.Head{Seq: 412, Hash: strings.Repeat("9f86d081", 8)}
	for _, text := range []string{h.String(), " " + h.String() + "\n", strings.ToUpper(h.String())} {
		if got, err := record.ParseHead(text); err != nil || got != h {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "412", "412:", "412:9f86d081", "0:" + h.Hash, "-1:" + h.Hash, "x:" + h.Hash, "412:" + h.Hash + "00", "412:zzzzzzzzzzzz", "412:123456789012z"} {
		if got, err := record.ParseHead(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// FuzzVerifyExport reads what is no export. It must not panic, and must not find an
// altered export whole.
func FuzzVerifyExport(f *testing.F) {
	path := sealed(f, 8)
	var out bytes.Buffer
	must(f, record.Export(f.Context(), path, record.Filter{}, &out))
	sum, err := record.Verify(f.Context(), path, nil)
	must(f, err)
	f.Add(out.Bytes())
	f.Add([]byte(`{"seq":1,"details":{"at":-1,"length":9223372036854775807,"salt":"00"},"entry":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := record.VerifyExport(context.Background(), "export", bytes.NewReader(data), []record.Head{sum.Head})
		if err == nil && got.Head.Hash[:12] != sum.Head.Hash[:12] {
			t.Errorf("whole: %+v", got)
		}
	})
}

// TestAnExportOfWhatIsNotThereSaysSo: a typing error is not an empty record.
func TestAnExportOfWhatIsNotThereSaysSo(t *testing.T) {
	path := sealed(t, 6)
	tests := []struct {
		filter record.Filter
		want   string // empty for no error
	}{
		{record.Filter{Service: "chekout"}, `no entry is about a service "chekout"`},
		{record.Filter{Incident: "nosuch"}, `no entry is about an incident "nosuch"`},
		{record.Filter{Service: "checkout", Since: begin.AddDate(1, 0, 0)}, ""},
		{record.Filter{Service: "checkout", Incident: "checkout-1"}, ""},
	}
	for _, tt := range tests {
		err := record.Export(t.Context(), path, tt.filter, io.Discard)
		if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || err != nil && got != tt.want {
			t.Errorf("%+v: got %v, want %q", tt.filter, err, tt.want)
		}
	}
}

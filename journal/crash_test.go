package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rollbackd/rollbackd/journal"
)

// The test binary starts itself again with one of these set to a journal's
// path: a process that can be killed, or whose writes can be made to fail.
const (
	appendForEver = "JOURNAL_TEST_APPEND"
	failToWrite   = "JOURNAL_TEST_FAIL"
)

func TestMain(m *testing.M) {
	run := func(path string, child func(string) error) {
		if err := child(path); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv(appendForEver); path != "" {
		run(path, appendUntilKilled)
	}
	if path := os.Getenv(failToWrite); path != "" {
		run(path, appendPastALimit)
	}
	os.Exit(m.Run())
}

// appendUntilKilled prints the number of each entry once it is acknowledged.
func appendUntilKilled(path string) error {
	ctx := context.Background()
	j, err := journal.Open(ctx, path, journal.Options{})
	if err != nil {
		return err
	}
	for {
		seq, _ := j.Head()
		entry := fmt.Sprintf("entry %d", seq+1)
		out := []journal.Outgoing{{ID: entry, Receiver: "ops", Payload: []byte(entry)}}
		if seq, err = j.Append(ctx, []byte(entry), journal.Meta{Kind: "decided", Incident: entry}, out); err != nil {
			return err
		}
		fmt.Println(seq)
	}
}

func child(t *testing.T, mode, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), mode+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestKilledWriterLosesNothingItAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	acknowledged := 0
	for round := range 12 {
		cmd := child(t, appendForEver, path)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		// A different number of entries each round, so that the kill meets
		// different parts of SQLite's log and its checkpoints.
		for range 1 + round*round*3 {
			if !lines.Scan() {
				break
			}
			if _, err := fmt.Sscan(lines.Text(), &acknowledged); err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // acknowledged before the kill arrived
			_, _ = fmt.Sscan(lines.Text(), &acknowledged)
		}
		_ = cmd.Wait()
		acknowledged = checkAfterCrash(t, path, acknowledged)
	}
}

// checkAfterCrash checks the journal a killed writer left, and returns how many
// entries it has.
func checkAfterCrash(t *testing.T, path string, acknowledged int) int {
	t.Helper()
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	if err := j.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := replay(t, j)
	// One more may be on disk whose acknowledgement was not printed any more.
	if len(got) < acknowledged || len(got) > acknowledged+1 {
		t.Fatalf("%d entries after %d acknowledged", len(got), acknowledged)
	}
	for i, entry := range got {
		if want := fmt.Sprintf("entry %d", i+1); entry != want {
			t.Fatalf("entry %d is %q", i+1, entry)
		}
		if state, _, err := j.Fate(t.Context(), entry, "ops"); state != "waiting" || err != nil {
			t.Fatalf("the message of %q is %q (%v), want it waiting", entry, state, err)
		}
	}
	return len(got)
}

// appendPastALimit makes the operating system refuse a write, then allow it
// again, and appends all the while.
func appendPastALimit(path string) error {
	ctx := context.Background()
	signal.Ignore(syscall.SIGXFSZ)
	j, err := journal.Open(ctx, path, journal.Options{})
	if err != nil {
		return err
	}
	write := func(entry string) error {
		_, err := j.Append(ctx, []byte(entry), journal.Meta{Kind: "decided"}, nil)
		return err
	}
	if err := write("before"); err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	small := syscall.Rlimit{Cur: uint64(log.Size()) + 100, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		return err
	}
	if err := write("refused " + strings.Repeat("x", 20_000)); !errors.Is(err, journal.ErrLost) {
		return fmt.Errorf("a failed write: got %w, want ErrLost", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := write("after"); !errors.Is(err, journal.ErrLost) {
		return fmt.Errorf("a write after the failed one: got %w, want ErrLost", err)
	}
	if trouble, is := j.Trouble(); !is || !errors.Is(trouble.Err, journal.ErrLost) {
		return fmt.Errorf("the journal's trouble: got %w, %v, want ErrLost", trouble.Err, is)
	}
	return nil
}

func TestFailedWriteLosesTheJournalUntilTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if out, err := child(t, failToWrite, path).Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	j := open(t, path, journal.Options{})
	if got := replay(t, j); len(got) != 1 || got[0] != "before" {
		t.Errorf("got %q, want only what was acknowledged", got)
	}
	add(t, j, journal.Meta{}, "again")
}

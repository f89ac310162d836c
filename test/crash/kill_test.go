package crash_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/rollbackd/rollbackd/journal"
)

// killing is when a life ends: at its nth write of the journal, just before the
// write or just after it is durable. The zero value lets it live.
type killing struct {
	Write int
	After bool
}

// String is how it is told to a child process and shown in a failure.
func (k killing) String() string {
	when := "before"
	if k.After {
		when = "after"
	}
	return fmt.Sprintf("%s %d", when, k.Write)
}

// parseKilling reads what String wrote.
func parseKilling(text string) (k killing, err error) {
	when := ""
	if _, err := fmt.Sscan(text, &when, &k.Write); err != nil {
		return k, fmt.Errorf("%q: %w", text, err)
	}
	k.After = when == "after"
	return k, nil
}

// mortal is a journal at one of whose writes the process is killed.
type mortal struct {
	*journal.Journal
	when killing

	mu     sync.Mutex
	writes int
}

// Append implements responder.Recorder.
func (m *mortal) Append(ctx context.Context, entry []byte, meta journal.Meta, out []journal.Outgoing) (uint64, error) {
	m.mu.Lock()
	m.writes++
	due := m.writes == m.when.Write
	m.mu.Unlock()
	if due && !m.when.After {
		die()
	}
	seq, err := m.Journal.Append(ctx, entry, meta, out)
	if due {
		die()
	}
	return seq, err
}

// die ends the process as a crash does: nothing that was deferred happens.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// life is one life of the daemon, from a start to a crash or the end: what it was
// told, in order, and what became of what it wanted to write down. A second brain
// that is told the same must decide the same.
type life struct {
	options incident.Options
	// began is when, since the start of the case.
	began time.Duration
	// before is how many entries the journal had at its start.
	before int
	inputs []said
	writes []write
}

// said is one input with the time at which it was given.
type said struct {
	at time.Time
	in incident.Input
}

// write is one entry as the journal took it; err is why it did not.
type write struct {
	line []byte
	err  error
}

// checkTwice tells a second brain what a life of the daemon was told, and holds its
// entries against those of the first: byte for byte, and no more and no fewer.
func (w *world) checkTwice(l *life) {
	if l == nil || len(w.violations) > 0 {
		return
	}
	b, err := replayed(l.options, w.journal.lines[:l.before])
	if err != nil {
		w.fault("%v", err)
		return
	}
	c := &comparer{writes: l.writes}
	for _, one := range l.inputs {
		incident.Drive(b, one.at, one.in, c)
		if c.differs != "" {
			break
		}
	}
	switch {
	case c.differs != "":
		w.violated(12, "the same inputs lead to another entry\n    first:  %s\n    second: %s", c.wanted, c.differs)
	case c.next < len(l.writes):
		w.violated(12, "the same inputs lead to %d entries, and to %d the first time", c.next, len(l.writes))
	}
}

// comparer is the carrier of the second brain: it writes nothing down, and holds
// what it is given against what the first brain wrote.
type comparer struct {
	writes          []write
	next            int
	wanted, differs string
}

// errDiffers ends a second brain's input at the first difference.
var errDiffers = errors.New("differs")

// Record compares an entry, as incident.Carrier asks.
func (c *comparer) Record(e incident.Entry, _ *incident.Message) error {
	line, err := json.Marshal(e)
	switch {
	case err != nil || c.differs != "":
		return errDiffers
	case c.next >= len(c.writes):
		c.wanted, c.differs = "none", string(line)
		return errDiffers
	}
	want := c.writes[c.next]
	c.next++
	if want.err == nil && !bytes.Equal(line, want.line) {
		c.wanted, c.differs = string(want.line), string(line)
		return errDiffers
	}
	return want.err
}

// Carry carries out nothing: what came of it the first time is among the inputs.
func (c *comparer) Carry(incident.Effect) {}

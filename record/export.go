package record

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rollbackd/rollbackd/journal"
)

// Filter chooses entries. Its zero value chooses all.
type Filter struct {
	// Since chooses those of a time and later; zero means ever.
	Since time.Time
	// Service and Incident choose those about one; empty means all.
	Service, Incident string
}

// chooses tells whether an entry is among the chosen.
func (f Filter) chooses(r journal.Row) bool {
	return !r.At.Before(f.Since) && (f.Service == "" || f.Service == r.Service) && (f.Incident == "" || f.Incident == r.Incident)
}

// seen is which of what a filter names any entry is about.
type seen struct{ service, incident bool }

func (s *seen) note(f Filter, r journal.Row) {
	s.service = s.service || r.Service == f.Service
	s.incident = s.incident || r.Incident == f.Incident
}

// unknown says what no entry of a whole record is about; nil where there is nothing
// of the kind. That there are none since a time is in order.
func (s seen) unknown(f Filter) error {
	var errs []error
	if f.Service != "" && !s.service {
		errs = append(errs, fmt.Errorf("no entry is about a service %q", f.Service))
	}
	if f.Incident != "" && !s.incident {
		errs = append(errs, fmt.Errorf("no entry is about an incident %q", f.Incident))
	}
	return errors.Join(errs...)
}

// Export writes the chosen entries of a journal as lines of JSON, in order. The
// whole record is checked while it is read: it ends with an *AlteredError at the
// first entry that is not what was written, after what is good. A service or incident
// that no entry at all is about is an error, too.
func Export(ctx context.Context, path string, f Filter, w io.Writer) (err error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	defer func() { err = errors.Join(err, buffered.Flush()) }()
	var found seen
	_, err = read(ctx, path, nil, func(r journal.Row) error {
		found.note(f, r)
		if !f.chooses(r) {
			return nil
		}
		text, err := encode(r)
		if err == nil {
			_, err = buffered.Write(text)
		}
		return err
	})
	if err == nil {
		err = found.unknown(f)
	}
	return err
}

// longestLine bounds a line of an export. An entry is some kilobytes.
const longestLine = 64 << 20

// VerifyExport checks a whole export, as Verify does a journal. An export of a part
// of a record cannot be checked.
func VerifyExport(ctx context.Context, name string, r io.Reader, heads []Head) (Summary, error) {
	c := newChecker(heads)
	wrong := func(e *AlteredError) (Summary, error) {
		e.Source = name
		if c.sum.Entries == 0 && e.Seq == 1 {
			e.Problem += " (only a whole export can be checked, one without --since, --service and --incident)"
		}
		return c.sum, e
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), longestLine)
	for number := 1; lines.Scan(); number++ {
		if err := ctx.Err(); err != nil {
			return c.sum, err
		}
		text := bytes.TrimSpace(lines.Bytes())
		row, err := decode(text)
		if err != nil {
			return wrong(&AlteredError{Problem: fmt.Sprintf("line %d: %v", number, err)})
		}
		if !asWritten(text, row) {
			return wrong(altered(row, "its line holds more than the entry, or something twice: an export has no such line"))
		}
		if e := c.take(row); e != nil {
			return wrong(e)
		}
	}
	if err := lines.Err(); err != nil {
		return c.sum, fmt.Errorf("%s: %w", name, err)
	}
	if e := c.end(); e != nil {
		return wrong(e)
	}
	return c.sum, nil
}

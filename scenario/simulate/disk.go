package simulate

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/scenario"
)

// disk is the daemon's own journal, in a folder that is thrown away afterwards.
type disk struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call of PlayOnDisk
	path string
	open *journal.Journal
}

// PlayOnDisk plays a world whose daemon keeps its journal in a real file, opens it
// anew at each start, and has its own runner carry out the steps that are requests.
func (w World) PlayOnDisk(ctx context.Context) (scenario.Verdict, error) {
	f, err := w.file()
	if err != nil {
		return scenario.Verdict{}, err
	}
	dir, err := os.MkdirTemp("", "rollbackd-simulate-")
	if err != nil {
		return scenario.Verdict{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &disk{ctx: ctx, path: filepath.Join(dir, "journal.db")}
	if _, err := d.Reopen(); err != nil {
		return scenario.Verdict{}, err
	}
	v := f.PlayOn(ctx, f.Cases[0], d, filepath.Join(dir, "runs"))
	if err := ctx.Err(); err != nil {
		return scenario.Verdict{}, err // what the journal said of that is no finding
	}
	return v, d.open.Close()
}

// Append implements scenario.Durable.
func (d *disk) Append(e incident.Entry, line []byte) error {
	m := journal.Meta{At: e.At, Kind: string(e.Kind), Service: e.Service, Incident: e.Incident}
	if short, ok := e.Lasting(); ok {
		var err error
		if m.Lasting, err = json.Marshal(short); err != nil {
			return err
		}
	}
	_, err := d.open.Append(d.ctx, line, m, nil)
	return err
}

// Reopen implements scenario.Durable. All entries and their chain are read.
func (d *disk) Reopen() ([][]byte, error) {
	if d.open != nil {
		if err := d.open.Close(); err != nil {
			return nil, err
		}
	}
	again, err := journal.Open(d.ctx, d.path, journal.Options{})
	if err != nil {
		return nil, err
	}
	d.open = again
	var lines [][]byte
	err = d.open.Replay(d.ctx, func(_ uint64, entry []byte) error {
		lines = append(lines, entry)
		return nil
	})
	return lines, err
}

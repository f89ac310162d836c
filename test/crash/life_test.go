package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/action"
	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/notify"
	"github.com/rollbackd/rollbackd/responder"
)

// poll is the interval of the grid: a hundredth of the least that a configuration
// may say.
const poll = 10 * time.Millisecond

// patience is how long one life may take to come to rest.
const patience = 2 * time.Minute

// live is one life of the process: it goes on where the one before was killed,
// until there is nothing left to do.
func live(dir string, when killing) error {
	c, report := config.Load(filepath.Join(dir, configFile))
	if c == nil {
		return report.Err()
	}
	o := c.BrainOptions()
	o.Poll, o.MaxGap = poll, 5*time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	j, err := journal.Open(ctx, filepath.Join(dir, journalFile), journal.Options{})
	if err != nil {
		return err
	}
	brain := incident.New(o)
	from, err := replay(ctx, j, brain)
	if err != nil {
		return err
	}
	box := notify.New(notify.Options{
		Store: responder.Outbox(j), Receivers: map[string]notify.Notifier{"ops": person{dir}},
		Metrics: notify.NewMetrics(prometheus.NewRegistry()),
	})
	w := &watched{dir: dir}
	r := responder.New(responder.Options{
		Brain: brain, Journal: &mortal{Journal: j, when: when}, Reader: w, Poke: box.Poke,
		Runner: action.NewRunner(action.Options{
			Dir: filepath.Join(dir, "runs"), Grace: 100 * time.Millisecond, Querier: w, QueryEvery: poll,
		}),
		Receivers: func(incident.Message) []string { return []string{"ops"} },
	})
	err = together(ctx, r.Run, box.Run, func(ctx context.Context) error {
		r.Submit(incident.Restored{DownFrom: from, To: time.Now().UTC()})
		return (&story{watched: w, responder: r, journal: j}).tell(ctx)
	})
	return errors.Join(err, j.Close())
}

// together runs all of them until the last one returns.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last := len(parts) - 1
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts[:last] {
		all.Go(func() { errs[i] = part(ctx) })
	}
	errs[last] = parts[last](ctx)
	cancel()
	all.Wait()
	return errors.Join(errs...)
}

// replay gives a brain all that a journal remembers.
func replay(ctx context.Context, j *journal.Journal, b *incident.Brain) (last time.Time, err error) {
	err = j.Replay(ctx, func(seq uint64, raw []byte) error {
		var e incident.Entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		b.Apply(e)
		last = e.At
		return nil
	})
	return last, err
}

// person is who is told: every message is a line in a file.
type person struct{ dir string }

// Deliver implements notify.Notifier.
func (p person) Deliver(_ context.Context, d notify.Delivery) error {
	var m incident.Message
	if err := json.Unmarshal(d.Payload, &m); err != nil {
		return err
	}
	return appendLine(filepath.Join(p.dir, toldFile), fmt.Sprintf("%s\t%s\t%s", m.ID, m.Headline, m.Incident))
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

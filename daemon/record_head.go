package daemon

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/record"
)

// headInterval is how often the record's head is logged where nothing happens.
const headInterval = time.Hour

// publishHead says where the record ends, so that others than whoever may write the
// file know it: at once, every hour, and at each closed incident.
func (h *house) publishHead(ctx context.Context) error {
	entries, cancel := h.responder.Subscribe()
	defer cancel()
	hourly := h.o.Clock.Ticker(headInterval)
	defer hourly.Stop()
	h.logHead()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hourly.C:
			h.logHead()
		case e := <-entries:
			if e.Kind == incident.KindClosed {
				h.logHead()
			}
		}
	}
}

// logHead logs the head in the form that "journal verify --head" takes.
func (h *house) logHead() {
	if seq, hash := h.journal.Head(); seq > 0 {
		h.log.Info("journal head", "head", record.Head{Seq: seq, Hash: hash}.String())
	}
}

// closeJournal says where the record ends and lets it go.
func (h *house) closeJournal() error {
	h.logHead()
	return h.journal.Close()
}

// headMetrics shows the record's head as two numbers of one moment.
type headMetrics struct {
	seq, hash *prometheus.Desc
	head      func() (seq uint64, hash string)
}

func newHeadMetrics(head func() (seq uint64, hash string)) headMetrics {
	return headMetrics{
		seq: prometheus.NewDesc("rollbackd_journal_head_sequence", "Number of the newest journal entry.", nil, nil),
		hash: prometheus.NewDesc("rollbackd_journal_head_hash",
			"The first 48 bits of the newest journal entry's hash, as a number: 12 hexadecimal digits of it.", nil, nil),
		head: head,
	}
}

// Describe implements prometheus.Collector.
func (m headMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.seq; ch <- m.hash }

// Collect implements prometheus.Collector.
func (m headMetrics) Collect(ch chan<- prometheus.Metric) {
	seq, hash := m.head()
	ch <- prometheus.MustNewConstMetric(m.seq, prometheus.GaugeValue, float64(seq))
	const digits = 12 // more would not fit exactly
	first, err := strconv.ParseUint(hash[:min(digits, len(hash))], 16, 64)
	if err != nil {
		first = 0 // the journal is empty
	}
	ch <- prometheus.MustNewConstMetric(m.hash, prometheus.GaugeValue, float64(first))
}

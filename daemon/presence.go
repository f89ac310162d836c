package daemon

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollbackd/rollbackd/incident"
)

// presenceWithin bounds how long a scrape waits for the brain and the journal.
const presenceWithin = 5 * time.Second

// presence is a collector of what the shipped alerts ask of a daemon beyond what
// its parts count: does it still think, does somebody wait, is there room. It asks
// at each scrape and keeps nothing.
type presence struct {
	h                                        *house
	heartbeat, ready, waiting, unanswered    *prometheus.Desc
	undelivered, journalFree, journalMinFree *prometheus.Desc
}

func newPresence(h *house) *presence {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rollbackd_"+name, help, labels, nil)
	}
	return &presence{
		h:          h,
		heartbeat:  desc("heartbeat_timestamp_seconds", "When the loop that decides last went round: at least once a second while it is well."),
		ready:      desc("ready", "Whether the journal is replayed and the sources run."),
		waiting:    desc("incidents_waiting", "Open incidents that go on only once a person says something."),
		unanswered: desc("incident_unanswered_seconds", "How long the incident that has waited longest for a person waits, acknowledged ones left out; 0 for none."),
		undelivered: desc("notifications_waiting", "Messages in the outbox that are on their way to a receiver. Of one that is not in the configuration they stay there, for a day.",
			"receiver"),
		journalFree:    desc("journal_free_bytes", "Free space on the journal's disk."),
		journalMinFree: desc("journal_min_free_bytes", "The free space below which rollbackd warns: [journal] min_free."),
	}
}

// Describe sends the descriptions.
func (p *presence) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.heartbeat, p.ready, p.waiting, p.unanswered, p.undelivered, p.journalFree, p.journalMinFree} {
		ch <- d
	}
}

// Collect asks. What does not answer in time is left out: an old state would be
// taken for the present one.
func (p *presence) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	ctx, cancel := p.h.o.Clock.WithTimeout(context.Background(), presenceWithin)
	defer cancel()
	gauge(p.ready, oneIf(p.h.notReady() == nil))
	if r := p.h.deciding.Load(); r != nil {
		gauge(p.heartbeat, float64(r.LastLoop().UnixMilli())/1000)
	}
	if waiting, longest, err := p.people(ctx); err == nil {
		gauge(p.waiting, float64(waiting))
		gauge(p.unanswered, longest.Seconds())
	}
	c := p.h.config.Load()
	gauge(p.journalMinFree, float64(c.Journal.MinFree))
	if free, err := p.h.journal.Free(); err == nil {
		gauge(p.journalFree, float64(free))
	}
	if waiting, err := p.h.journal.Waiting(ctx); err == nil {
		for _, r := range c.Receivers {
			for _, kind := range r.Channels() {
				waiting[outboxName(r, kind)] += 0 // one that has nothing waiting is worth a series, too
			}
		}
		for name, n := range waiting {
			gauge(p.undelivered, float64(n), name)
		}
	}
}

// people is how many incidents wait for a person, and for how long the one has
// waited that nobody has answered.
func (p *presence) people(ctx context.Context) (waiting int, longest time.Duration, err error) {
	err = p.h.viewBrain(ctx, func(b *incident.Brain, now time.Time) error {
		for _, inc := range b.Incidents() {
			if inc.State != incident.Closed && inc.WaitsForPerson() {
				waiting++
			}
			if since := inc.UnansweredSince(); !since.IsZero() {
				longest = max(longest, now.Sub(since))
			}
		}
		return nil
	})
	return waiting, longest, err
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

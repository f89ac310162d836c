package backtest

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// parted is where the played world has parted from the recorded one: a rollback
// that would have happened did not, and the record goes on with the bad version.
// What it says of the service is then set aside, and the world as it was before
// the deployment assumed, until the next recorded deployment or for the blame
// window: from then on a breach would not be blamed on the rollback anyhow.
type parted struct {
	p *player
	// befores are, by service, the readings before each recorded deployment.
	befores map[string][]before
	// away are the services whose record is set aside, left what version each left.
	away map[string]*departure
	left map[string]string
	past []Assumption
}

// before is what a service's metrics were before a version was deployed.
type before struct {
	version string
	at      time.Time
	values  map[string]trigger.Reading
}

// departure is a stretch in which the record is set aside.
type departure struct {
	Assumption
	until time.Time
}

func newParted(p *player) *parted {
	return &parted{p: p, befores: map[string][]before{}, away: map[string]*departure{}, left: map[string]string{}}
}

// partedAt takes in, before an instant's samples are shown, which versions are
// deployed then and which stretches are over.
func (p *player) partedAt(at time.Time, reports []incident.Deployed, seen []seenAt) {
	w := p.parted
	for _, d := range reports {
		w.deployed(d.Service, d.Version, at)
	}
	for _, s := range seen {
		if s.changed && !w.ignores(s.VersionSeen) {
			w.deployed(s.Service, s.Version, at)
		}
	}
	if len(w.away) == 0 {
		return
	}
	for _, name := range sortedKeys(w.away) {
		if d := w.away[name]; !at.Before(d.until) {
			w.back(name, d.until)
		}
	}
}

// deployed keeps what was before, and brings a service back to its record.
func (w *parted) deployed(service, version string, at time.Time) {
	w.back(service, at)
	delete(w.left, service)
	w.befores[service] = append(w.befores[service], before{version: version, at: at, values: w.p.board.before(service)})
}

// back ends the stretch of a service, if there is one.
func (w *parted) back(service string, at time.Time) {
	d := w.away[service]
	if d == nil {
		return
	}
	d.To = at
	w.past = append(w.past, d.Assumption)
	delete(w.away, service)
	delete(w.p.board.assumed, service)
}

// ignores tells whether what a version query shows is the version that the played
// world has left: the record goes on with it, and it is no news.
func (w *parted) ignores(s incident.VersionSeen) bool {
	return w.left[s.Service] != "" && s.Version == w.left[s.Service]
}

// leave takes in that a rollback's steps are done: from here on the record is about
// another world.
func (w *parted) leave(e incident.Entry) {
	run := w.p.record.run(e.Verifying.Run)
	if run == nil {
		return
	}
	legs := run.Members
	if len(legs) == 0 {
		legs = []incident.Member{{Service: e.Service, From: run.From, To: run.To}}
	}
	for _, leg := range legs {
		w.part(leg, e.At)
		if !run.Leaves || leg.To == "" {
			continue
		}
		w.left[leg.Service] = leg.From
		if o := w.p.options.Services[leg.Service]; o.Deployment.HasSource {
			w.p.then = append(w.p.then, incident.VersionSeen{
				Service: leg.Service, Version: leg.To, At: e.At, Source: w.p.sourceOf(leg.Service), Census: w.p.moved(leg),
			})
		}
	}
}

// part sets the record of one service aside.
func (w *parted) part(leg incident.Member, at time.Time) {
	w.back(leg.Service, at)
	d := &departure{Assumption: Assumption{Service: leg.Service, From: at}, until: at.Add(w.p.options.Services[leg.Service].Deployment.BlameWindow)}
	b := w.before(leg)
	values := map[string]trigger.Reading{}
	what := "which deployment to undo is not known, so its metrics are unknown"
	if b != nil {
		values = b.values
		d.Values = map[string]float64{}
		for metric, r := range values {
			d.Values[metric] = r.Value
		}
		what = fmt.Sprintf("its metrics are assumed to be what they were before %s was deployed at %s", b.version, stamp(b.at))
	}
	way := "rolled back"
	if leg.From != "" || leg.To != "" {
		way = fmt.Sprintf("rolled back %s → %s", leg.From, leg.To)
	}
	d.Text = fmt.Sprintf("%s: the record goes on without the rollback; %s, until its next deployment and at most for its blame window", way, what)
	w.away[leg.Service] = d
	w.p.board.assumed[leg.Service] = values
	w.p.board.assume(leg.Service)
}

// before is what was before the version that a rollback leaves; nil where that is
// not known.
func (w *parted) before(leg incident.Member) *before {
	list := w.befores[leg.Service]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].version == leg.From {
			return &list[i]
		}
	}
	return nil
}

// finish ends what is still open at the end of the period.
func (w *parted) finish(at time.Time) []Assumption {
	for _, name := range sortedKeys(w.away) {
		w.back(name, at)
	}
	if w.past == nil {
		return []Assumption{}
	}
	return w.past
}

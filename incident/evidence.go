package incident

import (
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/trigger"
)

// home is the service that a piece of evidence is about, and its trigger's own
// name there: another member of a group, or the service of the incident.
func (inc *Incident) home(evidence string) (service, name string) {
	for _, m := range inc.others() {
		if own, ok := strings.CutPrefix(evidence, m.Service+"/"); ok {
			return m.Service, own
		}
	}
	return inc.Service, evidence
}

// statusOf is the state of the trigger that a piece of evidence is about; false
// where there is none any more.
func (b *Brain) statusOf(inc *Incident, evidence string) (trigger.Status, bool) {
	service, name := inc.home(evidence)
	l := b.live[service]
	if l == nil {
		return trigger.Status{}, false
	}
	return l.watch.Status(name)
}

// evidenceLimits are those of what breaches at the confirm-read: the trigger that
// led to the decision may be ok again, and what breaches now may justify less.
func (b *Brain) evidenceLimits(inc *Incident) []limit {
	l := b.live[inc.Service]
	if l == nil {
		return nil
	}
	var breaching []Evidence
	for _, ev := range inc.Triggers {
		says := l.confirm.says[ev.Name]
		if says.Truth == trigger.Breach && slices.Contains(inc.Decision.Justified, ev.Name) {
			ev.FromNoData = says.FromNoData
			breaching = append(breaching, ev)
		}
	}
	var limits []limit
	for _, ev := range breaching {
		op := b.opinion(inc, ev, breaching)
		if len(op.asks) == 0 {
			return nil
		}
		for _, h := range op.asks {
			limits = append(limits, atMostApprove(h.Guard, h.Reason))
		}
	}
	return limits
}

package incident

import (
	"encoding/json"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// keepClosed is how many closed incidents of a service stay in memory. Older
// ones are in the journal and can be folded from it.
const keepClosed = 20

// keepAutoRuns is how many automatic rollbacks of a service are remembered: far
// more than any budget allows in its window.
const keepAutoRuns = 1000

// memory is everything that the journal remembers: its fields change in Apply
// and nowhere else.
type memory struct {
	Services map[string]*serviceMemory `json:"services"`
	// PauseAll and LockAll are the brakes for every service.
	PauseAll *BrakeEntry `json:"pause_all,omitempty"`
	LockAll  *BrakeEntry `json:"lock_all,omitempty"`
	// Fence rises with every run.
	Fence uint64 `json:"fence"`
	// Blind are the sources that people were told do not answer.
	Blind map[string]BlindEntry `json:"blind,omitempty"`
	// DiskLow is true while people are told that the journal's disk is nearly full.
	DiskLow bool `json:"disk_low,omitempty"`
	// Clock is a step of the clock until every service has taken it in.
	Clock *clockStep `json:"clock,omitempty"`
	// LastAt is the time of the newest entry.
	LastAt time.Time `json:"last_at"`

	// open are the services with an open incident.
	open map[string]bool
}

// serviceMemory is what is remembered of one service.
type serviceMemory struct {
	Ledger ledger      `json:"ledger"`
	Pause  *BrakeEntry `json:"pause,omitempty"`
	Lock   *BrakeEntry `json:"lock,omitempty"`
	// SeenOK holds, by trigger name and `when`, those that were ever known ok.
	SeenOK map[string]bool `json:"seen_ok,omitempty"`
	// Blind holds, by trigger name and `when`, those that people were told show
	// nothing known.
	Blind map[string]BlindTrigger `json:"blind,omitempty"`
	// Existed holds the metrics that ever had a series.
	Existed map[string]bool `json:"existed,omitempty"`
	// AutoRuns are the automatic rollbacks that began a changing step, newest last.
	AutoRuns []autoRun `json:"auto_runs,omitempty"`
	// LastStepEnd is the end of the last step of the newest run, for the cooldown.
	LastStepEnd time.Time `json:"last_step_end,omitzero"`
	// Veto is a person's no to rolling back the present deployment. It outlives the
	// incident that a person closes.
	Veto *veto `json:"veto,omitempty"`
	// Claim is the run of its group that acts on it; nil when none does.
	Claim *claim `json:"claim,omitempty"`
	// Flaps is when triggers were ok again, as far as it counts.
	Flaps flaps `json:"flaps,omitempty"`
	// Rehearsals are those of its plans, newest last.
	Rehearsals []Rehearsal `json:"rehearsals,omitempty"`
	// WindowsFrom is when the service's windows last began anew.
	WindowsFrom time.Time `json:"windows_from,omitzero"`
	// After is the newest verified rollback as long as the service is watched for
	// it to break again; nil when it is not.
	After  *aftercare  `json:"after,omitempty"`
	Open   *Incident   `json:"open,omitempty"`
	Closed []*Incident `json:"closed,omitempty"` // newest first
}

// veto stands for a deployment until it recovers, gets worse, or a newer one comes.
type veto struct {
	Deployment string           `json:"deployment"`
	Severity   trigger.Severity `json:"severity"`
	By         string           `json:"by"`
	At         time.Time        `json:"at"`
}

// deploymentID is the id of the present deployment; empty when none is known.
func (s *serviceMemory) deploymentID() string {
	if d := s.Ledger.current(); d != nil {
		return d.id()
	}
	return ""
}

// autoRun is one automatic rollback, for the budgets and for once.
type autoRun struct {
	At         time.Time `json:"at"`
	Deployment string    `json:"deployment"` // its id; empty where deployments are unknown
	// Pardoned is true when a person lifted it: it no longer counts for once.
	Pardoned bool `json:"pardoned,omitempty"`
	// Run is the run of a group in which another service took part; Shared is true
	// there, and the daemon's budget is charged by that other one.
	Run    string `json:"run,omitempty"`
	Shared bool   `json:"shared,omitempty"`
}

func newMemory() *memory {
	return &memory{Services: map[string]*serviceMemory{}, Blind: map[string]BlindEntry{}, open: map[string]bool{}}
}

func newServiceMemory() *serviceMemory {
	return &serviceMemory{SeenOK: map[string]bool{}, Existed: map[string]bool{}, Ledger: newLedger()}
}

// service finds a service's memory; one without entries has an empty memory
// that is not kept, so that only entries change what is remembered.
func (m *memory) service(name string) *serviceMemory {
	if s, ok := m.Services[name]; ok {
		return s
	}
	return newServiceMemory()
}

// keep finds a service's memory for an entry, making it at the first.
func (m *memory) keep(name string) *serviceMemory {
	s, ok := m.Services[name]
	if !ok {
		s = newServiceMemory()
		m.Services[name] = s
	}
	return s
}

// snapshot is the memory as JSON, the same bytes for the same entries.
func (m *memory) snapshot() ([]byte, error) { return json.MarshalIndent(m, "", " ") }

// apply takes in one entry.
func (m *memory) apply(e Entry) {
	m.LastAt = e.At
	switch e.Kind {
	case KindStarted, KindConfig:
	case KindBlind:
		m.Blind[e.Blind.Source] = *e.Blind
	case KindSighted:
		delete(m.Blind, e.Blind.Source)
	case KindForgotten:
		m.applyForgotten(e)
	case KindDiskLow:
		m.DiskLow = true
	case KindDiskOK:
		m.DiskLow = false
	case KindClock:
		m.applyClock(e)
	case KindBrake:
		m.applyBrake(e)
	case KindDeployment, KindRunning, KindSeen, KindPardon, KindRolledOut, KindDetails, KindRehearsed, KindSignal,
		KindTriggerBlind, KindTriggerSighted:
		m.keep(e.Service).applyOwn(e)
	case KindOpened, KindFired, KindCleared, KindDecided, KindApproved, KindVetoed, KindAborted, KindAcked, KindRefused,
		KindStoodDown, KindEscalated, KindPlanned, KindStepBegun, KindStepEnded, KindStopping, KindVerifying, KindSLAMissed,
		KindRunEnded, KindClosed, KindCaptured, KindWaiting, KindEnough, KindJoined, KindInterrupted, KindVerified:
		m.applyIncident(e)
	case KindHorizon, KindReopened, KindImpact:
		m.applyAfter(e)
	}
}

func (m *memory) applyBrake(e Entry) {
	var brake *BrakeEntry
	if e.Brake.On {
		b := *e.Brake
		b.Since = e.At
		brake = &b
	}
	pause, lock := &m.PauseAll, &m.LockAll
	if e.Service != "" {
		s := m.keep(e.Service)
		pause, lock = &s.Pause, &s.Lock
	}
	if e.Brake.Kind == Pause {
		*pause = brake
	} else {
		*lock = brake
	}
}

// applyOwn takes in an entry about the service itself.
func (s *serviceMemory) applyOwn(e Entry) {
	s.applyFlaps(e)
	switch e.Kind {
	case KindDeployment:
		s.Ledger.deploy(*e.Deployment)
	case KindRolledOut, KindDetails:
		if e.Kind == KindRolledOut {
			s.Ledger.rolledOut()
		}
		if e.Deployment != nil {
			s.Ledger.amend(*e.Deployment)
		}
	case KindSignal:
		s.Ledger.say(*e.Signal)
	case KindRehearsed:
		s.rehearsed(*e.Rehearsed)
	case KindTriggerBlind, KindTriggerSighted:
		s.applyBlind(e)
	case KindRunning:
		s.Ledger.show(e.Running.Version, e.Running.Source, e.At)
	case KindSeen:
		for _, t := range e.Seen.Triggers {
			s.SeenOK[seenKey(t.Name, t.When)] = true
		}
		for _, metric := range e.Seen.Metrics {
			s.Existed[metric] = true
		}
	case KindPardon:
		s.Ledger.pardon(e.Pardon.Version)
		for i := range s.AutoRuns {
			// A known deployment is rolled back automatically once, ever.
			if s.AutoRuns[i].Deployment == "" {
				s.AutoRuns[i].Pardoned = true
			}
		}
	default: // every other kind is about an incident
	}
	// An incident shows the deployment it is about, until something is started.
	if e.Incident != "" && s.Open != nil && (e.Kind == KindDeployment || e.Kind == KindRunning || e.Kind == KindPardon || e.Kind == KindSignal) {
		s.Open.fold(e)
	}
}

func seenKey(trigger, when string) string { return trigger + " | " + when }

// applyIncident folds an entry into its incident, and takes from it what the
// service remembers beyond the incident: the ledger, the budgets, the cooldown.
func (m *memory) applyIncident(e Entry) {
	s := m.keep(e.Service)
	if e.Kind == KindOpened {
		s.Open = &Incident{}
		m.open[e.Service] = true
	}
	if s.Open == nil {
		return
	}
	inc := s.Open
	s.applyFlaps(e)
	inc.fold(e)
	m.applyMembers(inc, e)
	switch e.Kind {
	case KindPlanned:
		m.Fence = max(m.Fence, e.Planned.Fence)
	case KindStepBegun:
		s.applyStepBegun(inc, e)
	case KindOpened:
		s.Ledger.blame(e.Opened.Blames, inc.ID)
	case KindVetoed:
		s.Veto = &veto{Deployment: s.deploymentID(), Severity: inc.Severity, By: e.Actor, At: e.At}
	case KindDecided:
		if e.Decided.ByPerson {
			s.Veto = nil
		}
	case KindStepEnded:
		if e.Step.Changes {
			s.LastStepEnd = e.At
		}
		if run := inc.Rollback; run != nil && !inc.changed() {
			s.Ledger.unquarantine(run.From, inc.ID)
		}
	case KindVerifying:
		if run := inc.Rollback; run.moved() {
			s.Ledger.deployOwn(ownDeployment{inc.Service, run.From, run.To, run.By, e.At})
		}
	case KindClosed:
		if e.Closed.ByPerson {
			s.Ledger.Said = nil
		}
		if e.Closed.Fresh {
			s.WindowsFrom = e.At
		} else {
			s.Veto = nil // it recovered
		}
		s.Closed = append([]*Incident{inc}, s.Closed...)
		if len(s.Closed) > keepClosed {
			s.Closed = s.Closed[:keepClosed]
		}
		s.lookAfter(inc)
		s.Open = nil
		delete(m.open, e.Service)
	default: // nothing beyond the incident
	}
}

// applyStepBegun charges the budget and quarantines the version left, both from
// the first changing step on. A version that is left to rehearse is not a bad one.
func (s *serviceMemory) applyStepBegun(inc *Incident, e Entry) {
	run := inc.Rollback
	if run == nil || !e.Step.Changes {
		return
	}
	if run.Leaves && run.Rehearses == nil && e.Step.Ref.Section == SectionSteps {
		// Each attempt marks anew: an earlier one that changed nothing took its mark back.
		s.Ledger.quarantine(run.From, inc.ID, e.At)
	}
	if !run.Automatic || run.charged {
		return
	}
	run.charged = true
	id := ""
	if d := inc.Deployment; d != nil {
		if left := s.Ledger.newest(run.From); d.Version != run.From && left != nil {
			d = left // the incident is older than what it was decided to leave
		}
		id = d.id()
	}
	s.AutoRuns = append(s.AutoRuns, autoRun{At: e.At, Deployment: id})
	if len(s.AutoRuns) > keepAutoRuns {
		s.AutoRuns = s.AutoRuns[len(s.AutoRuns)-keepAutoRuns:]
	}
}

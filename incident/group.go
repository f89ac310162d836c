package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// Member is one of the services that an incident of a group is about.
type Member struct {
	Service string `json:"service"`
	From    string `json:"from"`
	To      string `json:"to,omitempty"`
	// Deployment is the id of the deployment that it shares the change by.
	Deployment string `json:"deployment,omitempty"`
}

// claim is a group's run as one of its other members remembers it: while it
// lasts nothing else acts on the member.
type claim struct {
	Incident string `json:"incident"`
	Group    string `json:"group"`
	To       string `json:"to,omitempty"`
	// Moved is true once the run's steps have taken the member to To.
	Moved bool `json:"moved,omitempty"`
}

// groupOf is the group that a service belongs to.
func (b *Brain) groupOf(service string) (Group, bool) {
	for _, name := range slices.Sorted(maps.Keys(b.opts.Groups)) {
		if g := b.opts.Groups[name]; slices.Contains(g.Services, service) {
			return g, true
		}
	}
	return Group{}, false
}

// sameChange are the services of a group whose present deployment carries the
// same change as the service's own, that one included, in the order of their
// names; none where it is alone.
func (b *Brain) sameChange(service string) (together []string) {
	g, ok := b.groupOf(service)
	own := b.mem.service(service).Ledger.current()
	if !ok || own == nil || own.Own || own.FirstLook || own.Change == "" {
		return nil
	}
	for _, name := range slices.Sorted(slices.Values(g.Services)) {
		if d := b.mem.service(name).Ledger.current(); d != nil && !d.Own && !d.FirstLook && d.Change == own.Change {
			together = append(together, name)
		}
	}
	if len(together) < 2 {
		return nil
	}
	return together
}

// changedTogether are the members that an incident of a service is about, beside
// others of its group; none where it is alone, or where one of them is being dealt
// with by itself already.
func (b *Brain) changedTogether(service string) (group string, members []Member) {
	for _, name := range b.sameChange(service) {
		s := b.mem.service(name)
		if name != service && s.Open != nil && s.Open.State != Firing {
			return "", nil
		}
		members = append(members, Member{Service: name, From: b.running(name), Deployment: s.deploymentID()})
	}
	if len(members) == 0 {
		return "", nil
	}
	g, _ := b.groupOf(service)
	return g.Name, members
}

// others are the members of a group's incident beside the service it was opened for.
func (inc *Incident) others() []Member {
	return slices.DeleteFunc(slices.Clone(inc.Members), func(m Member) bool { return m.Service == inc.Service })
}

// decidedFor is the open incident of another service that decides for this one
// too, because they changed together; nil when there is none. An incident that
// only watches decides nothing.
func (b *Brain) decidedFor(service string) *Incident {
	for _, name := range slices.Sorted(maps.Keys(b.mem.open)) {
		inc := b.mem.service(name).Open
		if name == service || inc == nil || inc.State == Firing || inc.State == Closed {
			continue
		}
		if slices.ContainsFunc(inc.Members, func(m Member) bool { return m.Service == service }) {
			return inc
		}
	}
	return nil
}

// groupHolds are the guards of the other members of a group: what keeps one of
// them from being rolled back keeps all. For a person only those apply that
// refuse even a person.
func (b *Brain) groupHolds(now time.Time, inc *Incident, byPerson bool) []Hold {
	var holds []Hold
	for _, m := range inc.others() {
		for _, h := range b.memberHolds(now, inc, m.Service) {
			if byPerson && !h.Guard.forAPerson() {
				continue
			}
			h.Reason = m.Service + ": " + h.Reason
			holds = append(holds, h)
		}
	}
	if lead := b.decidedFor(inc.Service); lead != nil && lead.ID != inc.ID {
		holds = append(holds, Hold{
			GuardConcurrency, fmt.Sprintf("%s decides for this service too: they changed together (group %s)", lead.ID, lead.Group), "it is closed",
		})
	}
	return append(holds, b.claimHold(inc.Service)...)
}

// memberHolds are the guards of one other member. The budgets are not among
// them: a group takes one slot, that of the service its incident was opened for.
func (b *Brain) memberHolds(now time.Time, inc *Incident, name string) []Hold {
	s, o := b.mem.service(name), b.opts.Services[name]
	holds := append(b.brakeHolds(now, s), b.versionHolds(now, name)...)
	holds = append(holds, s.vetoHold(inc)...)
	holds = append(holds, s.cooldownHold(now, o)...)
	holds = append(holds, b.claimHold(name)...)
	holds = append(holds, b.windowHolds(now, name)...)
	if b.mode(name) == "shadow" {
		holds = append(holds, Hold{GuardShadow, "it is in shadow mode: decide, record, tell, never act", `mode = "live"`})
	}
	return holds
}

// memberLimits are what limits a rollback of the other members of a group: what
// leaves one of them to a person leaves all.
func (b *Brain) memberLimits(now time.Time, inc *Incident) []limit {
	var limits []limit
	for _, m := range inc.others() {
		s, o := b.mem.service(m.Service), b.opts.Services[m.Service]
		own := b.windowLimits(now, m.Service)
		if t, ok := b.target(m.Service, now); ok {
			own = append(own, targetLimits(t, o)...)
		}
		if d := s.Ledger.current(); d != nil && d.NoAutoRollback {
			own = append(own, atMostApprove("", d.Version+" was deployed with no_auto_rollback"))
		}
		for _, l := range own {
			l.why.Reason = m.Service + ": " + l.why.Reason
			limits = append(limits, l)
		}
	}
	return limits
}

// joinRule takes members into an incident that was opened before they were
// deployed with the same change, while nothing has started.
func (b *Brain) joinRule(now time.Time, inc *Incident) []Effect {
	if inc.Group != "" || inc.changed() {
		return nil
	}
	group, members := b.changedTogether(inc.Service)
	if group == "" || b.decidedFor(inc.Service) != nil {
		return nil
	}
	e := b.incidentEntry(now, KindJoined, inc, "rollbackd", fmt.Sprintf("%s changed together (group %s)", listed(namesOf(members)), group))
	e.Joined = &JoinedEntry{Group: group, Members: members}
	return []Effect{Record{Entry: e}}
}

// claimHold holds while a rollback of the service's group runs.
func (b *Brain) claimHold(service string) []Hold {
	c := b.mem.service(service).Claim
	if c == nil {
		return nil
	}
	return []Hold{{GuardConcurrency, fmt.Sprintf("a rollback of its group %s is running (%s)", c.Group, c.Incident), "it ends"}}
}

// memberRuns are the members as a run takes them back: each to a target of its
// own. It names the member that has none.
func (b *Brain) memberRuns(now time.Time, inc *Incident, to string) (members []Member, missing string) {
	for _, m := range inc.Members {
		s, o := b.mem.service(m.Service), b.opts.Services[m.Service]
		m.From, m.To = b.running(m.Service), to
		if id := s.deploymentID(); id != "" && m.Deployment != "" && id != m.Deployment {
			return nil, m.Service // it has another deployment since
		}
		if m.Service != inc.Service {
			t, ok := b.target(m.Service, now)
			if !ok && !deploymentsUnknown(s, o) {
				return nil, m.Service
			}
			m.To = t.Version
		}
		members = append(members, m)
	}
	return members, ""
}

// groupValues are the versions of the members, for the plan's steps.
func groupValues(v map[string]string, members []Member) {
	for _, m := range members {
		v["versions."+m.Service+".running"] = m.From
		v["versions."+m.Service+".target"] = m.To
	}
}

// membersWell joins what is known of the other members' triggers: those that were
// ever known ok must be so.
func (b *Brain) membersWell(inc *Incident, at time.Time) (trigger.Truth, string) {
	truth, which := trigger.OK, ""
	for _, m := range inc.others() {
		l := b.live[m.Service]
		if l == nil {
			continue
		}
		for _, spec := range l.watch.Triggers() {
			st, _ := l.watch.Status(spec.Name)
			if st.Unseen {
				st.Truth = trigger.NotKnown // it shows nothing any more
			}
			if !b.mem.service(m.Service).SeenOK[seenKey(spec.Name, spec.Expr.Text)] && st.Truth != trigger.Breach {
				continue
			}
			if st.Truth == trigger.Breach || st.Truth == trigger.NotKnown && truth == trigger.OK {
				truth, which = st.Truth, m.Service+"/"+spec.Name+" is not ok"
			}
		}
		if lags := b.straggler(l, inc.Rollback, inc.Rollback.legOf(m.Service), at); lags != "" {
			return trigger.Breach, m.Service + ": " + lags
		}
	}
	return truth, which
}

// membersBreach tells whether any other member's trigger is pending or firing.
func (b *Brain) membersBreach(inc *Incident) bool {
	return slices.ContainsFunc(inc.others(), func(m Member) bool { return b.live[m.Service] != nil && breachesAnywhere(b.live[m.Service]) })
}

// legOf is from where and to where a run takes a member; the run's own for the
// service it was planned for.
func (run *Run) legOf(service string) Member {
	for _, m := range run.Members {
		if m.Service == service {
			return m
		}
	}
	return Member{Service: service, From: run.From, To: run.To}
}

// redeployed is a member that has another deployment than the one it shares the
// change by; empty when none has.
func (b *Brain) redeployed(inc *Incident) string {
	for _, m := range inc.others() {
		if d := b.mem.service(m.Service).Ledger.current(); d != nil && !d.Own && d.id() != m.Deployment && b.reported(m.Service) != d {
			return m.Service + " " + d.Version
		}
	}
	return ""
}

// applyMembers takes in what an entry of a group's incident means for its other
// members: the same versions left, targets reached and brakes used as if each
// had a run of its own, but one slot of the daemon's budgets.
func (m *memory) applyMembers(inc *Incident, e Entry) {
	for _, member := range inc.others() {
		s := m.keep(member.Service)
		run := inc.Rollback
		switch e.Kind {
		case KindOpened:
			if e.Opened.Blames != "" {
				s.Ledger.blame(member.From, inc.ID)
			}
		case KindPlanned:
			s.Claim = &claim{Incident: inc.ID, Group: inc.Group, To: run.legOf(member.Service).To}
		case KindStepBegun:
			s.applyMemberStep(inc, member, e)
		case KindStepEnded:
			if e.Step.Changes {
				s.LastStepEnd = e.At
			}
			if run != nil && !inc.changed() {
				s.Ledger.unquarantine(member.From, inc.ID)
			}
		case KindVerifying:
			if run.moved() {
				leg := run.legOf(member.Service)
				s.Ledger.deployOwn(ownDeployment{member.Service, leg.From, leg.To, run.By, e.At})
			}
		case KindVetoed:
			s.Veto = &veto{Deployment: s.deploymentID(), Severity: inc.Severity, By: e.Actor, At: e.At}
		case KindDecided:
			if e.Decided.ByPerson {
				s.Veto = nil
			}
		case KindRunEnded:
			s.Claim = nil
		case KindClosed:
			s.Claim = nil
			if e.Closed.ByPerson {
				s.Ledger.Said = nil
			}
			if e.Closed.Fresh {
				s.WindowsFrom = e.At
			} else {
				s.Veto = nil
			}
		default: // nothing beyond the incident
		}
	}
}

// concerned are the other members whose own memory an entry of a group's incident
// has changed in a way that what watches them must learn of.
func (m *memory) concerned(e Entry) []Member {
	s := m.Services[e.Service]
	switch {
	case s == nil:
		return nil
	case e.Kind == KindVerifying && s.Open != nil:
		return s.Open.others()
	case e.Kind == KindClosed && len(s.Closed) > 0:
		return s.Closed[0].others()
	}
	return nil
}

// applyMemberStep quarantines the version that a member leaves, and remembers
// that its deployment has had its one automatic rollback.
func (s *serviceMemory) applyMemberStep(inc *Incident, member Member, e Entry) {
	run := inc.Rollback
	if run == nil || !e.Step.Changes {
		return
	}
	if run.Leaves && e.Step.Ref.Section == SectionSteps {
		s.Ledger.quarantine(run.legOf(member.Service).From, inc.ID, e.At)
	}
	if run.Automatic && !slices.ContainsFunc(s.AutoRuns, func(a autoRun) bool { return a.Run == run.ID }) {
		s.AutoRuns = append(s.AutoRuns, autoRun{At: e.At, Deployment: member.Deployment, Run: run.ID, Shared: true})
	}
}

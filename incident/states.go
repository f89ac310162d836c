package incident

// State is an incident's state.
type State string

// The states of an incident.
const (
	Firing           State = "firing"
	CountingDown     State = "countdown"
	AwaitingApproval State = "awaiting_approval"
	Held             State = "held"
	Confirming       State = "confirming"
	RollingBack      State = "rolling_back"
	Verifying        State = "verifying"
	Closed           State = "closed"
)

// Outcome is how an incident ended.
type Outcome string

// The outcomes of an incident.
const (
	Recovered    Outcome = "recovered"     // nothing was changed, it became well
	RolledBack   Outcome = "rolled_back"   // verified
	Vetoed       Outcome = "vetoed"        // vetoed, then well
	FixedForward Outcome = "fixed_forward" // a newer deployment stood it down, or a person says so
	Unresolved   Outcome = "unresolved"    // something was changed and not verified
)

// RunState is the state of a rollback.
type RunState string

// The states of a rollback; the last four are its exit states.
const (
	RunPlanned   RunState = "planned"
	RunChecking  RunState = "checking"
	RunRunning   RunState = "running"
	RunVerifying RunState = "verifying"
	RunCompleted RunState = "completed" // all steps done, verified
	RunPartial   RunState = "partial"   // something changed, and it is not verified
	RunBlocked   RunState = "blocked"   // a prerequisite was missing, nothing changed
	RunAborted   RunState = "aborted"   // will not proceed, nothing changed
)

// Ended tells whether the run has reached an exit state.
func (s RunState) Ended() bool {
	switch s {
	case RunCompleted, RunPartial, RunBlocked, RunAborted:
		return true
	case RunPlanned, RunChecking, RunRunning, RunVerifying:
		return false
	}
	return false
}

// VerificationState is what verification found.
type VerificationState string

// The findings of a verification.
const (
	VerificationPassed  VerificationState = "passed"
	VerificationFailed  VerificationState = "failed"
	VerificationUnknown VerificationState = "unknown"
)

// Guard is the name of a reason not to act: the held_by of CONTRACT.md section 9.
type Guard string

// The guards that exist, in the order of precedence.
const (
	GuardJournal          Guard = "journal"
	GuardLocked           Guard = "locked"
	GuardPaused           Guard = "paused"
	GuardVetoed           Guard = "vetoed"
	GuardAborted          Guard = "aborted"
	GuardBlocked          Guard = "blocked"
	GuardVerification     Guard = "verification"
	GuardBlind            Guard = "blind"
	GuardNeverOK          Guard = "never_ok"
	GuardFlapping         Guard = "flapping"
	GuardNoDeployment     Guard = "no_deployment"
	GuardBeforeDeployment Guard = "before_deployment"
	GuardCorrelated       Guard = "correlated"
	GuardHoldWhen         Guard = "hold_when"
	GuardQuarantined      Guard = "quarantined"
	GuardOnce             Guard = "once"
	GuardNoTarget         Guard = "no_target"
	GuardCooldown         Guard = "cooldown"
	GuardBudget           Guard = "budget"
	GuardConcurrency      Guard = "concurrency"
	GuardWindow           Guard = "window"
	GuardRehearsal        Guard = "rehearsal"
	GuardPointOfNoReturn  Guard = "point_of_no_return"
	GuardCorroboration    Guard = "corroboration"
	GuardShadow           Guard = "shadow"
)

// precedence is every guard of CONTRACT.md's list that this version has, first
// to last. The first that holds is the one shown.
func precedence() []Guard {
	return []Guard{
		GuardJournal, GuardLocked, GuardPaused, GuardVetoed, GuardAborted, GuardBlocked, GuardVerification, GuardBlind,
		GuardNeverOK, GuardFlapping, GuardNoDeployment, GuardBeforeDeployment, GuardCorrelated, GuardHoldWhen, GuardQuarantined,
		GuardOnce, GuardNoTarget, GuardCooldown, GuardBudget, GuardConcurrency, GuardWindow, GuardRehearsal, GuardPointOfNoReturn,
		GuardCorroboration, GuardShadow,
	}
}

// releasesByItself tells whether a guard lets go without a person: an incident
// that only such guards hold is decided again when they do.
func (g Guard) releasesByItself() bool {
	switch g {
	case GuardCooldown, GuardBudget, GuardConcurrency, GuardWindow, GuardPaused, GuardLocked, GuardBlind, GuardNoDeployment,
		GuardHoldWhen:
		return true
	case GuardJournal, GuardVetoed, GuardAborted, GuardBlocked, GuardVerification, GuardNeverOK, GuardFlapping,
		GuardBeforeDeployment, GuardCorrelated, GuardQuarantined, GuardOnce, GuardNoTarget, GuardRehearsal, GuardPointOfNoReturn,
		GuardCorroboration, GuardShadow:
		return false
	}
	return false
}

// forAPerson tells whether the guard also refuses a rollback that a person asked for.
func (g Guard) forAPerson() bool {
	switch g {
	case GuardJournal, GuardLocked, GuardQuarantined, GuardNoTarget, GuardConcurrency, GuardShadow:
		return true
	case GuardPaused, GuardVetoed, GuardAborted, GuardBlocked, GuardVerification, GuardBlind, GuardNeverOK, GuardFlapping,
		GuardNoDeployment, GuardBeforeDeployment, GuardCorrelated, GuardHoldWhen, GuardOnce, GuardCooldown, GuardBudget,
		GuardWindow, GuardRehearsal, GuardPointOfNoReturn, GuardCorroboration:
		return false
	}
	return true
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/daemon"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/journal"
	"github.com/rollbackd/rollbackd/trigger"
)

// localFlags are those of a rollback without the daemon.
type localFlags struct {
	on, withoutJournal bool
	configFile         string
}

func (l *localFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.on, "local", false, "do it without the daemon, which must be stopped, and without any network (needs --config.file)")
	cmd.Flags().StringVar(&l.configFile, "config.file", "", "with --local: the daemon's configuration")
	cmd.Flags().BoolVar(&l.withoutJournal, "without-journal", false, "with --local: go on even where the journal cannot be written")
}

// localHelp is what "rollback --help" says of them.
const localHelp = `With --local it does so itself, with the daemon stopped and without any network, NATS
or Prometheus: it needs the configuration and writes the daemon's journal. Known
are the versions in the journal and where a deployment.symlink points. Messages
wait in the journal until the daemon runs again. Where Prometheus does not answer
within two polls after the steps, the daemon verifies at its next start, and the
exit code is 4. A journal that cannot be written refuses it (exit code 2), unless
--without-journal is given: every entry is then a line of JSON on stderr, and the
daemon will not know of this rollback. A daemon that runs refuses it (69).`

func (l localFlags) check(cmd *cobra.Command, detach bool) error {
	switch {
	case !l.on && l.configFile != "":
		return usagef(cmd, "--config.file is for --local: the daemon has its own")
	case !l.on && l.withoutJournal:
		return usagef(cmd, "--without-journal is for --local")
	case l.on && detach:
		return usagef(cmd, "--detach is not possible with --local: nothing goes on once the command has ended")
	case l.on:
		return needs(cmd, "config.file", l.configFile)
	}
	return nil
}

// localRollback is one rollback without the daemon.
type localRollback struct {
	*app
	flags   localFlags
	command incident.Command
	local   *daemon.Local
	show    *follower
	// approved are the approval steps that a yes was said to.
	approved map[incident.StepRef]bool
}

// rollBackLocally makes a rollback with the daemon stopped. command holds what
// the person wants; its verb and actor are filled in here.
func (a *app) rollBackLocally(cmd *cobra.Command, flags localFlags, command incident.Command) (err error) {
	if err := a.usable(flags.configFile); err != nil {
		return &exitError{code: exitRollbackUsage, err: err}
	}
	logger, err := a.logger(cmd, logFlags{level: "warn", format: "logfmt"})
	if err != nil {
		return err
	}
	o := daemon.LocalOptions{ConfigFile: flags.configFile, Service: command.Service, Clock: a.clock, Logger: logger}
	if flags.withoutJournal {
		o.WithoutJournal = a.stderr
	}
	command.Verb, command.Actor = "rollback", localUser()
	r := &localRollback{app: a, flags: flags, command: command, approved: map[incident.StepRef]bool{}}
	if r.local, err = daemon.OpenLocal(cmd.Context(), o); err != nil {
		return localError(err, flags)
	}
	defer func() { err = cmp.Or(err, r.local.Close()) }()
	if err := r.refuse(); err != nil {
		return err
	}
	if flags.withoutJournal || !r.local.Whole() {
		r.command.Unseen = true // which versions there ever were cannot be told
	}
	return r.run(cmd.Context())
}

// localUser is the caller as the daemon's socket would name them.
func localUser() string {
	uid := os.Geteuid()
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}

// localError gives an error its exit code, and says what helps.
func localError(err error, flags localFlags) error {
	unusable, refused := errors.AsType[*daemon.UnusableError](err)
	switch {
	case errors.Is(err, journal.ErrInUse):
		return &exitError{exitRollbackNoReply, fmt.Errorf("%w (a daemon that runs is asked without --local)", err)}
	case refused && flags.withoutJournal:
		return &exitError{exitBlocked, unusable}
	case refused:
		return &exitError{exitBlocked, fmt.Errorf(
			"refused by journal: %w\n--without-journal goes on all the same: the daemon will then not know of this rollback, what keeps a version from being rolled back to twice is not written, and the only log is on stderr",
			unusable.Err)}
	case errors.Is(err, daemon.ErrNotConfigured):
		return &exitError{exitRollbackUsage, err}
	}
	return err
}

// refuse is what is wrong before anything begins.
func (r *localRollback) refuse() error {
	blocked := func(format string, args ...any) error {
		return &exitError{exitBlocked, fmt.Errorf(format, args...)}
	}
	if run := r.local.Unfinished(); run != nil && r.command.To != "" && r.command.To != run.To {
		return blocked("the rollback %s that the daemon left goes to %s: leave out --to to go on with it", arrow(run.From, run.To), run.To)
	}
	if !r.local.Whole() && r.command.To == "" {
		return blocked("what of the journal can be read does not say for certain where to go back to: say --to VERSION")
	}
	if steps := r.local.Approvals(r.command.Scope); len(steps) > 0 && !r.command.BreakGlass {
		return blocked("the plan asks for approval (%s), and nobody can be asked while the daemon is stopped: --break-glass approves it yourself, and says so to everybody",
			strings.Join(steps, ", "))
	}
	return nil
}

// run begins, follows, and says how it ended.
func (r *localRollback) run(ctx context.Context) error {
	earlier := r.local.Earlier()
	if run := r.local.Unfinished(); run != nil {
		earlier = ""
		r.note("going on with the rollback %s that the daemon left", arrow(run.From, run.To))
	}
	if without := r.local.Without(); without != nil {
		r.note("the journal is done without, and every entry is a line here: %v", without)
	}
	reply, err := r.local.Start(ctx, r.command)
	if err != nil {
		return err
	}
	if reply.Err != "" {
		return refusedLocally(reply)
	}
	r.show = &follower{app: r.app, id: reply.Incident}
	i, err := r.follow(ctx, reply.Incident, earlier)
	r.show.erase()
	if err != nil && ctx.Err() != nil {
		r.note("stopping once the step that runs has ended; a second signal ends at once")
		return fmt.Errorf("interrupted: the rollback goes on when the daemon runs again, or with this command once more")
	}
	if err != nil {
		return err
	}
	if n := r.local.Waiting(ctx); n > 0 {
		r.note("messages to receivers wait in the journal until the daemon runs again: %d", n)
	}
	return r.end(i, earlier)
}

func refusedLocally(reply incident.Reply) error {
	text := reply.Err
	if reply.Guard != "" {
		text = fmt.Sprintf("refused by %s: %s", reply.Guard, text)
	}
	if reply.Guard == incident.GuardNoTarget {
		text += " (say --to VERSION: known are the versions in the journal, and where a deployment.symlink points)"
	}
	if reply.Code == "refused" {
		return &exitError{exitBlocked, errors.New(text)}
	}
	return &exitError{exitRollbackUsage, errors.New(text)}
}

// follow shows the rollback until it has ended, or cannot be verified here.
func (r *localRollback) follow(ctx context.Context, id, earlier string) (*incident.Incident, error) {
	ticker := r.clock.Ticker(pollEvery)
	defer ticker.Stop()
	for {
		i, err := r.local.Incident(ctx, id)
		if err != nil {
			return nil, err
		}
		if i == nil {
			return nil, fmt.Errorf("incident %s is gone", id)
		}
		r.show.draw(i)
		if over(i, earlier) || r.local.Blind() {
			return i, nil
		}
		if err := r.approve(ctx, i); err != nil {
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// approve says yes to the approval step that the run waits at: nobody else can,
// and the person broke the glass for it.
func (r *localRollback) approve(ctx context.Context, i *incident.Incident) error {
	if i.Rollback == nil || !r.command.BreakGlass {
		return nil
	}
	for _, s := range i.Rollback.Steps {
		ref := incident.StepRef{Section: s.Section, Index: s.Index, Unit: s.Unit, Attempt: s.Attempts}
		if s.State != incident.StepRunning || !waitsForPeople(i.Rollback.Plan, s) || r.approved[ref] {
			continue
		}
		r.approved[ref] = true
		reply, err := r.local.Do(ctx, incident.Command{
			Verb: "approve", Incident: i.ID, Actor: r.command.Actor, Reason: r.command.Reason, BreakGlass: true,
		})
		if err != nil {
			return err
		}
		if reply.Err != "" {
			r.note("the step %s could not be approved: %s", s.Name, reply.Err)
		}
	}
	return nil
}

// waitsForPeople tells whether a step is an approval.
func waitsForPeople(p incident.Plan, s incident.StepRun) bool {
	var steps []incident.PlanStep
	switch s.Section {
	case incident.SectionSteps:
		steps = p.Steps
	case incident.SectionForward:
		steps = p.Forward
	case incident.SectionFinally:
		steps = p.Finally
	case incident.SectionFollowUp:
		steps = p.FollowUp
	case incident.SectionPrepare, incident.SectionChecks, incident.SectionStopDeploy, incident.SectionReversible:
	}
	return s.Index < len(steps) && steps[s.Index].Approval != nil
}

// end says how it ended and turns that into the exit code.
func (r *localRollback) end(i *incident.Incident, earlier string) error {
	without := r.local.Without()
	if without != nil && i.Rollback != nil && i.Rollback.Changed {
		r.note("the daemon does not know of this rollback: once it runs, say so: rollbackd deployed %s --version %s", i.Service, i.Rollback.To)
	}
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if over(i, earlier) {
		return r.report(i, data, earlier)
	}
	p := r.page()
	p.run(i.Rollback, i.Timeline)
	p.line("")
	p.line("%s", p.bold(fmt.Sprintf("not verified · %s", arrow(i.Rollback.From, i.Rollback.To))))
	if err := r.print(data, p); err != nil {
		return err
	}
	text := "the steps are done, and Prometheus does not answer: see for yourself whether the service is well"
	if without == nil {
		text += "; the daemon goes on verifying when it runs again"
	}
	return &exitError{exitPartial, errors.New(text)}
}

// note says something beside the data.
func (r *localRollback) note(format string, args ...any) {
	_, _ = fmt.Fprintf(r.stderr, format+"\n", args...) // nobody is left to tell
}

// localCommand is what a person wants, as the brain takes it.
func localCommand(cmd *cobra.Command, service string, request rollbackRequest, scope string, breakGlass bool) (incident.Command, error) {
	c := incident.Command{
		Service: service, Reason: request.Reason, To: request.To, Unseen: request.Unseen, ExternalID: request.IncidentID, Scope: scope, BreakGlass: breakGlass,
	}
	if request.Severity != "" {
		var err error
		if c.Severity, err = trigger.ParseSeverity(request.Severity); err != nil {
			return c, usagef(cmd, "--severity: %v", err)
		}
	}
	return c, needs(cmd, "reason", request.Reason)
}

package scenario

import (
	"slices"

	"github.com/rollbackd/rollbackd/incident"
)

// commandEvent is somebody's word to the daemon.
type commandEvent struct {
	incident.Command
	speaker
}

// speaker is who says something, as far as a test file tells.
type speaker struct {
	// name is empty where the file names nobody: then it is somebody who may.
	name string
	// roles are those that the event itself gives; nil where it gives none, and those
	// of the configuration count.
	roles *[]string
}

// root is who may do everything: in a test everybody comes over the unix socket.
const root = "root"

// givesRights tells whether a role is one of those that say who may do what.
func givesRights(role string) bool {
	return slices.Contains([]string{incident.RoleViewer, incident.RoleOperator, incident.RoleApprover}, role)
}

// command lets somebody tell the daemon something, where they may.
func (w *world) command(e commandEvent) {
	w.record.note(w.now, e.Service, "command", commandLine(e.Command))
	if !e.BreakGlass && w.forbids(e.speaker, e.Verb) {
		return
	}
	e.Roles = w.rolesFor(e)
	w.input(e.Command)
}

// rolesFor are the roles in which somebody says yes. Where the configuration has
// none at all, they count as the role that is called like them.
func (w *world) rolesFor(e commandEvent) []string {
	switch {
	case e.roles != nil:
		return *e.roles
	case len(w.people) == 0 && e.Verb == "approve" && e.name != "":
		return []string{e.name}
	}
	return w.people.Of(e.name)
}

// forbids tells whether somebody's roles do not let them say what they say to the
// daemon, and notes it. It is the word of the daemon's HTTP server: nothing of it
// reaches the brain.
func (w *world) forbids(s speaker, verb string) bool {
	roles := w.people
	if s.roles != nil {
		roles = incident.Roles{}
		for _, role := range *s.roles {
			roles[role] = []string{s.name}
		}
	}
	toldApart := slices.ContainsFunc(sortedKeys(roles), givesRights)
	if w.brain == nil || !toldApart || s.name == "" || s.name == root || roles.Right(s.name) >= incident.Needs(verb) {
		return false
	}
	w.tally.Refused++
	w.record.note(w.now, "", "refused", roles.Lacks(s.name, verb, incident.Needs(verb)))
	return true
}

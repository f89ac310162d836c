package incident

import "slices"

// Right is what somebody may do. Each includes those before it.
type Right int

// The rights, from the least to the most.
const (
	MayRead Right = iota
	MayOperate
	MayApprove
)

// The roles that give rights. Any other is for approvals only.
const (
	RoleViewer   = "viewer"
	RoleOperator = "operator"
	RoleApprover = "approver"
)

// Role is the one that gives a right.
func (r Right) Role() string {
	switch r {
	case MayRead:
		return RoleViewer
	case MayOperate:
		return RoleOperator
	case MayApprove:
		return RoleApprover
	}
	return RoleApprover
}

// Needs is the right that a word to the daemon takes. One that nobody knows takes
// the most.
func Needs(verb string) Right {
	switch verb {
	case "ack", "pause", "resume", "lock", "unlock", "rehearse", "deployments", "signals":
		return MayOperate
	}
	return MayApprove
}

// Roles are the people of each role, as a configuration has them.
type Roles map[string][]string

// Of are all roles that somebody is listed in, in order: what counts for approvals
// by role. Somebody without a name is in none.
func (r Roles) Of(name string) []string {
	var roles []string
	for role, people := range r {
		if name != "" && slices.Contains(people, name) {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return roles
}

// Right is the most that the roles of somebody give. Reading takes no role.
func (r Roles) Right(name string) Right {
	for _, right := range []Right{MayApprove, MayOperate} {
		if name != "" && slices.Contains(r[right.Role()], name) {
			return right
		}
	}
	return MayRead
}

// Has is the role that gives somebody the most, in words.
func (r Roles) Has(name string) string {
	right := r.Right(name)
	if right == MayRead && !slices.Contains(r[RoleViewer], name) {
		return "none"
	}
	return right.Role()
}

// Lacks says which role somebody who may not do something would need. What is
// asked for is called verb.
func (r Roles) Lacks(name, verb string, needs Right) string {
	return verb + " needs the role " + needs.Role() + " of [web] roles, and " + name + " has " + r.Has(name)
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Group is one of [groups]: services that change together.
type Group struct {
	Name string
	// Services are the members, in the order of the file.
	Services []string
	// PlanName is the shared plan's name, that of the members where the group
	// names none; empty for the group's own plan.
	PlanName string
	// Plan is never nil in a configuration without errors.
	Plan *Plan

	at *path
}

func readGroups(root *table) map[string]*Group {
	out := map[string]*Group{}
	root.names("groups", "[groups.NAME]", func(name string, t *table) {
		out[name] = readGroup(name, t)
	})
	return out
}

func readGroup(name string, t *table) *Group {
	g := &Group{Name: name, Services: t.strings("services"), PlanName: t.str("plan", ""), at: t.path}
	switch list, isList := t.vals["services"].([]any); {
	case !t.must("services", ": the services that change together"):
	case isList && len(list) < 2:
		t.errorf(t.key("services"), "want at least two services: one alone is no group")
	}
	if own := t.sub("rollback", "[plans.NAME]"); own != nil {
		g.Plan = readPlan(name, own)
		if t.has("plan") {
			t.errorf(t.key("plan"), "rollback and plan are both written: keep one")
			g.PlanName = ""
		}
	}
	t.done()
	return g
}

// groups are all groups in the order of their names.
func (r *resolver) groups() []*Group {
	var out []*Group
	for _, name := range slices.Sorted(maps.Keys(r.Groups)) {
		out = append(out, r.Groups[name])
	}
	return out
}

// members are those services of a group that exist.
func (r *resolver) members(g *Group) []*Service {
	var out []*Service
	for _, name := range g.Services {
		if s := r.Services[name]; s != nil {
			out = append(out, s)
		}
	}
	return out
}

// attachGroup ties a group to its members and gives it its plan.
func (r *resolver) attachGroup(g *Group) {
	at := g.at.key("services")
	r.checkServices(at, g.Services)
	for i, name := range g.Services {
		s := r.Services[name]
		switch {
		case s == nil:
		case s.group != nil && s.group != g:
			r.errorf(at.index(i), "service %q is in group %q already, and can be in one only", name, s.group.Name)
		default:
			s.group = g
		}
	}
	if g.Plan != nil {
		return
	}
	if g.PlanName == "" {
		g.PlanName = r.commonPlan(g)
		g.Plan = r.planOf(g.at, g.PlanName)
		return
	}
	g.Plan = r.planOf(g.at.key("plan"), g.PlanName)
}

// commonPlan is the plan that all members name; empty where there is none, which
// is an error unless another one explains it.
func (r *resolver) commonPlan(g *Group) string {
	members := r.members(g)
	var says []string
	common := true
	for _, s := range members {
		common = common && s.PlanName != "" && s.PlanName == members[0].PlanName
		says = append(says, fmt.Sprintf("%s has %s", s.Name, s.planText()))
	}
	if len(members) == 0 {
		return ""
	}
	if !common {
		r.errorf(g.at, "the members name no plan in common (%s): write plan = \"NAME\", or [%s]", strings.Join(says, ", "), g.at.key("rollback"))
		return ""
	}
	return members[0].PlanName
}

func (s *Service) planText() string {
	switch {
	case s.PlanName != "":
		return fmt.Sprintf("%q", s.PlanName)
	case s.Plan != nil:
		return "one of its own"
	}
	return "none"
}

// vars are the variables that mean the same whichever member an incident is of.
func (r *resolver) groupVars(g *Group) map[string]string {
	members := r.members(g)
	if len(members) == 0 {
		return nil
	}
	vars := maps.Clone(members[0].Vars)
	for _, s := range members[1:] {
		maps.DeleteFunc(vars, func(name, value string) bool { return s.Vars[name] != value })
	}
	return vars
}

// has tells whether a service is a member.
func (g *Group) has(service string) bool { return slices.Contains(g.Services, service) }

// checkGroupPlan checks what the plan of a group needs of its members.
func (r *resolver) checkGroupPlan(g *Group) {
	if g.Plan == nil {
		return
	}
	vars := r.groupVars(g)
	for _, step := range g.Plan.all() {
		r.checkQuery(step, vars)
		for _, u := range step.uses {
			name, isVar := cutVars(u.name)
			if _, same := vars[name]; isVar && !same {
				r.errorf(u.at, "the members of group %q have no ${%s} in common: it must be the same in all of them", g.Name, u.name)
				continue
			}
			r.checkVersionUse(g, u)
			for _, s := range r.members(g) {
				r.checkTarget(s, u)
			}
		}
	}
}

// checkVersionUse reports ${versions.X.…} of a service that is no member, or
// where there is no group, which is nil.
func (r *resolver) checkVersionUse(g *Group, u use) {
	member, is := versionOf(u.name)
	switch {
	case !is:
	case g == nil:
		r.errorf(u.at, "uses ${%s}, and this is no group's plan: only that of a [groups.NAME] knows its members' versions", u.name)
	case !g.has(member):
		r.errorf(u.at, "uses ${%s}, and %q is not a member of group %q%s", u.name, member, g.Name, meant(member, g.Services))
	}
}

func (g *Group) tree(how printing) tree {
	t := tree{"services": g.Services}
	t.set("plan", g.PlanName)
	if g.PlanName == "" && g.Plan != nil {
		t.set("rollback", g.Plan.tree(how))
	}
	return t
}

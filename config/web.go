package config

import (
	"maps"
	"net"
	"slices"
	"strings"
	"unicode"
)

// Web is [web].
type Web struct {
	// Socket is the unix socket, always served.
	Socket string
	// Listen is the TCP address; empty serves none.
	Listen string
	// ExternalURL is where people reach the page, for messages; may be empty.
	ExternalURL string
	// ConfigFile is the exporter-toolkit's file of TLS and users, absolute; empty
	// leaves TCP without both.
	ConfigFile string
	// Roles are the people of each role. viewer, operator and approver give rights;
	// any other counts for approvals only. Nil means that none are written: whoever
	// may open the socket may then do everything.
	Roles map[string][]string

	rolesAt *path
}

func readWeb(root *table) Web {
	t := root.orEmpty("web", "[web]")
	w := Web{
		Socket:      t.beside("socket"),
		Listen:      t.text("listen", "127.0.0.1:9797"),
		ExternalURL: t.url("external_url", "http", "https"),
		ConfigFile:  t.beside("config_file"),
		Roles:       t.roles("roles"),
		rolesAt:     t.key("roles"),
	}
	if w.Socket == "" {
		w.Socket = "/run/rollbackd/rollbackd.sock"
	}
	if w.Listen != "" {
		if _, _, err := net.SplitHostPort(w.Listen); err != nil {
			t.errorf(t.key("listen"), "want host:port, for example \"127.0.0.1:9797\", not %q", w.Listen)
		}
	}
	if w.ConfigFile != "" {
		written := t.str("config_file", "")
		if err := checkWebFile(w.ConfigFile, written); err != nil {
			t.errorf(t.key("config_file"), "%q is no usable web-config file: %v", written, err)
		}
	}
	t.later("metrics")
	t.done()
	return w
}

// roles reads who has which role.
func (t *table) roles(key string) map[string][]string {
	sub := t.sub(key, "")
	if sub == nil {
		return nil
	}
	sub.each(object{"type": "array", "items": object{"type": "string", "minLength": 1}, "minItems": 1})
	out := map[string][]string{}
	for _, role := range slices.Sorted(maps.Keys(sub.vals)) {
		at := sub.key(role)
		sub.checkName(role)
		if role == "any" {
			sub.errorf(at, "\"any\" is whoever may approve: want another name")
		}
		out[role] = sub.strings(role)
		if list, ok := sub.vals[role].([]any); ok && len(list) == 0 {
			sub.errorf(at, "must name at least one person")
		}
		for i, user := range out[role] {
			if user == "" || strings.ContainsFunc(user, unicode.IsControl) {
				sub.errorf(at.index(i), "want the name of a user, not %q", user)
			}
			if slices.Contains(out[role][:i], user) {
				sub.errorf(at.index(i), "%q is there twice", user)
			}
		}
	}
	return out
}

// checkNeeds warns of approvals that there are not people enough for.
func (r *resolver) checkNeeds(at *path, needs map[string]int) {
	approvers := r.Web.Roles["approver"]
	for _, role := range slices.Sorted(maps.Keys(needs)) {
		n := needs[role]
		if role == "any" {
			if len(approvers) > 0 && n > len(approvers) {
				r.warnf(at.key(role), "asks for %d people, and [web] roles has %d of role \"approver\": only root on the socket could make up for the others", n, len(approvers))
			}
			continue
		}
		people, known := r.Web.Roles[role]
		if !known {
			r.warnf(at.key(role), "[web] roles has no role %q%s, so nobody can give this approval (write roles = { %s = [\"NAME\"] } in [web])",
				role, meant(role, slices.Sorted(maps.Keys(r.Web.Roles))), role)
			continue
		}
		if n > len(people) {
			r.warnf(at.key(role), "asks for %d people of role %q, and [web] roles gives it to %d: nobody could ever approve (give it to more people, or ask for fewer)", n, role, len(people))
			continue
		}
		may := slices.DeleteFunc(slices.Clone(people), func(p string) bool { return !slices.Contains(approvers, p) })
		if n > len(may) {
			r.warnf(at.key(role), "asks for %d people of role %q, and only %d of them may approve: add them to the role \"approver\" too", n, role, len(may))
		}
	}
}

// checkPeople looks at every approval against the roles.
func (r *resolver) checkPeople() {
	r.checkNeeds((*path)(nil).key("decide").key("approvals"), r.Decide.Approvals)
	for _, p := range r.everyPlan() {
		for _, s := range p.all() {
			if s.Do.Kind == "approval" {
				r.checkNeeds(s.Do.at, s.Do.Needs)
			}
		}
	}
	if len(r.Web.Roles) > 0 && len(r.Web.Roles["approver"]) == 0 {
		r.warnf(r.Web.rolesAt, "nobody is an approver: only root on the socket could approve, veto or roll back")
	}
}

func (w Web) tree() tree {
	t := tree{"socket": w.Socket, "listen": w.Listen}
	t.set("external_url", w.ExternalURL)
	t.set("config_file", w.ConfigFile)
	roles := tree{}
	for role, people := range w.Roles {
		roles[role] = people
	}
	t.set("roles", roles)
	return t
}

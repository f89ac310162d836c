package config

import (
	"slices"
	"strings"
)

// checkDepends checks depends_on: the services must exist, and no service may, by
// whatever way, depend on itself.
func (r *resolver) checkDepends() {
	for _, s := range r.services() {
		at := s.at.key("depends_on")
		r.checkServices(at, s.DependsOn)
		if i := slices.Index(s.DependsOn, s.Name); i >= 0 {
			r.errorf(at.index(i), "a service does not depend on itself")
		}
	}
	d := dependencies{resolver: r, left: map[string]bool{}}
	for _, s := range r.services() {
		d.follow(s.Name)
	}
}

// dependencies finds circles, each one once.
type dependencies struct {
	*resolver
	// way leads from where the search began to where it is; left are the services
	// from which everything was seen.
	way  []string
	left map[string]bool
}

func (d *dependencies) follow(name string) {
	s := d.Services[name]
	if s == nil || d.left[name] {
		return
	}
	d.way = append(d.way, name)
	for i, next := range s.DependsOn {
		if next == name {
			continue // said already
		}
		if begin := slices.Index(d.way, next); begin >= 0 {
			circle := append(slices.Clone(d.way[begin:]), next)
			d.errorf(s.at.key("depends_on").index(i), "goes round in a circle (%s): of two that fail together neither could be blamed", strings.Join(circle, " → "))
			continue
		}
		d.follow(next)
	}
	d.way = d.way[:len(d.way)-1]
	d.left[name] = true
}

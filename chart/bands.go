package chart

import (
	"cmp"
	"slices"
	"time"
)

// bandLook is how a stretch is shaded: colour and texture, and its word.
type bandLook struct {
	name, colour string
	hatched      bool
}

func (k BandKind) look() bandLook {
	switch k {
	case Window:
		return bandLook{"window", orange, false}
	case Unknown:
		return bandLook{"unknown", grey, true}
	case Assumed:
		return bandLook{"assumed, not measured", violet, true}
	case Incident:
		return bandLook{"incident", red, false}
	}
	return bandLook{"stretch", grey, false}
}

func (b Band) text() string {
	if b.Label != "" {
		return b.Label
	}
	return b.Kind.look().name
}

// shown tells whether some of a stretch is on the chart.
func (b Band) shown(on timeScale) bool {
	return b.To.After(b.From) && !b.To.Before(on.from) && !b.From.After(on.to)
}

// joined are the bands that are shown, kind by kind; those of a kind that
// overlap are one, as twice the same shade would look like another.
func (l *layout) joined() []Band {
	bands := slices.DeleteFunc(slices.Clone(l.c.Bands), func(b Band) bool { return !b.shown(l.times) })
	slices.SortStableFunc(bands, func(a, b Band) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.From.Compare(b.From)) })
	var all []Band
	for _, b := range bands {
		if n := len(all); n > 0 && all[n-1].Kind == b.Kind && !b.From.After(all[n-1].To) {
			all[n-1].To = latest(all[n-1].To, b.To)
			continue
		}
		all = append(all, b)
	}
	return all
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// bands shades stretches. An edge is drawn where a stretch begins and ends, as
// a pale colour alone says little.
func (l *layout) bands(p *pen) {
	for _, b := range l.joined() {
		look := b.Kind.look()
		if look.hatched {
			l.hatched(p, stretch{b.From, b.To}, look.colour, "chart-band")
			continue
		}
		from, to := l.x(b.From), l.x(b.To)
		l.box(p, from, to, "class", "chart-band", "fill", look.colour, "fill-opacity", "0.18")
		p.empty("path", "class", "chart-band", "d", "M"+px(from)+" "+px(l.top)+"V"+px(l.bottom)+"M"+px(to)+" "+px(l.top)+"V"+px(l.bottom),
			"stroke", look.colour, "stroke-opacity", "0.6", "fill", "none")
	}
}

package trigger

import (
	"fmt"
	"regexp"
	"time"
)

// Signal is what somebody, or another program, said of a service by a name such
// as deployment_failed, and what still stands.
type Signal struct {
	// At is when it came: the onset of the breach that it makes.
	At time.Time
	// Source is how it came (nats, api or command), By who said it; both may be
	// empty. They are for people.
	Source, By string
}

// signalName is what a signal may be called: one word of a `when`, so that it can
// be waited for.
var signalName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// SignalNameWanted says in words what IsSignalName accepts.
const SignalNameWanted = "a letter, then at most 63 letters, digits, '_', '-' or '.'; not and, for, in or absent"

// IsSignalName tells whether a text can be the name of a signal. Words with a meaning
// at that place of a `when` cannot: `event for 2m` has a name missing, and `event
// absent` is about a metric.
func IsSignalName(text string) bool {
	switch text {
	case "and", "for", "in", "absent":
		return false
	default:
		return signalName.MatchString(text)
	}
}

// event reads "event" NAME.
func (p *parser) event() (Condition, *ParseError) {
	p.next++
	t := p.peek(0)
	switch {
	case t.variable:
		return Condition{}, p.fail(t, "a variable may stand for a number or a quantity, not for the name of a signal", "")
	case t.text == "" || t.is("and") || t.is("for") || t.is("in"):
		return Condition{}, p.fail(t, `a name is missing after "event"`, "such as deployment_failed")
	case !IsSignalName(t.text):
		return Condition{}, p.fail(t, fmt.Sprintf("%q is not the name of a signal", t.text), "want "+SignalNameWanted)
	}
	p.next++
	return Condition{Kind: Event, Event: t.text}, nil
}

// evaluateEvent is a breach while the signal stands, and else ok: that nobody has
// said anything is known.
func evaluateEvent(c Condition, v View) Evaluation {
	s, stands := v.Signal(c.Event)
	if !stands {
		return Evaluation{Truth: OK}
	}
	reason := "signal " + c.Event
	if s.By != "" {
		reason += " by " + s.By
	}
	if s.Source != "" && s.Source != s.By {
		reason += " (" + s.Source + ")"
	}
	return Evaluation{Truth: Breach, Reason: reason, Since: s.At}
}

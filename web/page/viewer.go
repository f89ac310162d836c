package page

import "path"

// Viewer is who looks at a page, and what they may do.
type Viewer struct {
	// Name is who they are; empty where nothing says so.
	Name string
	// Operate and Approve are what the forms on a page are drawn by: the first
	// acknowledges, pauses and locks, the second also approves, vetoes, aborts and
	// closes.
	Operate, Approve bool
	// Only says why some forms, or all, are not drawn; empty where all are.
	Only string
}

// rights are those of a viewer in words.
func (v Viewer) rights() string {
	switch {
	case v.Approve:
		return "may do everything"
	case v.Operate:
		return "may acknowledge, pause and lock"
	}
	return "may read"
}

// Form is one reason and the words that it can be given for. The zero value is
// not drawn.
type Form struct {
	// ID tells its fields from those of other forms on the page.
	ID, Legend string
	Buttons    []Button
	// Lengths are how long a pause or lock may be asked for; nil asks nothing.
	Lengths []Length
	// Plan names the plan that a yes is for; empty where none is shown.
	Plan string
	// Shown is what a yes is for, see Shown; empty where no yes is asked for.
	Shown string
}

// Button sends a form's reason to one path.
type Button struct {
	Action, Text string
	// Tone is Act for the yes, Bad for what cannot be taken back, Dim for the rest.
	Tone Tone
	// Hint says what follows.
	Hint string
}

// Verb is what the button does, which tells it from the others of its form.
func (b Button) Verb() string { return path.Base(b.Action) }

// Length is a choice of how long a pause or lock lasts.
type Length struct{ Value, Text string }

// lengths are those that are offered; the first is chosen.
func lengths() []Length {
	return []Length{{"1h", "1 hour"}, {"15m", "15 minutes"}, {"4h", "4 hours"}, {"12h", "12 hours"}, {"1d", "1 day"}, {"7d", "7 days"}, {"", "until lifted"}}
}

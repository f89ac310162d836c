package page

import (
	"strings"
	"time"
)

// Journal is whether rollbackd's journal can be written. Its zero value says that
// it can.
type Journal struct {
	// Failing is true while nothing new is begun, because it could not be written down.
	Failing bool
	// Problem is what is wrong and ToDo what helps; empty where nothing is.
	Problem, ToDo string
	// Since is when it began; zero where that is not known.
	Since time.Time
}

// alarm is what everybody must know of the journal; empty where it is well.
func (j Journal) alarm(now time.Time) string {
	if j.Problem == "" {
		return ""
	}
	text := capital(j.Problem)
	if !j.Since.IsZero() {
		text += ", since " + instant(j.Since, now).Text + " UTC"
	}
	if j.ToDo != "" {
		text += ". " + capital(j.ToDo)
	}
	return text + "."
}

// state is the daemon's own, where the journal is not well.
func (j Journal) state() State {
	if j.Failing {
		return State{Word: "begins nothing new", Sign: "✖", Tone: Bad}
	}
	return State{Word: "ready, its disk nearly full", Sign: "!", Tone: Warn}
}

// capital begins a sentence.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] // the words are ours
}

package page

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rollbackd/rollbackd/incident"
)

// Daemon is how rollbackd itself is. Its zero value is ready and sees everything.
type Daemon struct {
	// NotReady is why most questions cannot be answered; empty when they can.
	NotReady string
	// ReloadFailed tells that the file on disk is not the configuration in force.
	ReloadFailed bool
	// Sources are those that it asks.
	Sources []Source
	Journal Journal
	// Waiting are the receivers that do not take their messages.
	Waiting []Waiting
}

// Waiting is a receiver that messages wait for.
type Waiting struct {
	Receiver string
	Messages int
	// Since is when the oldest was made; Problem is why the last attempt failed.
	Since   time.Time
	Problem string
}

func (w Waiting) alarm(now time.Time) string {
	subject := "1 message waits"
	if w.Messages != 1 {
		subject = strconv.Itoa(w.Messages) + " messages wait"
	}
	return fmt.Sprintf("%s for receiver %s since %s UTC (%s).", subject, w.Receiver, instant(w.Since, now).Text, brief(w.Problem, 300))
}

// Source is one place that observations come from.
type Source struct {
	Name string
	Up   bool
	// Since is when it last stopped answering; zero where that is not known.
	Since  time.Time
	Reason string
}

// bar is the daemon's state as every page begins with it.
type bar struct {
	Daemon State
	// Facts are the sources, Alarms what everybody must know.
	Facts  []State
	Alarms []string
}

// barOf says how the daemon is, and which brakes are on for every service.
func barOf(d Daemon, brakes []incident.BrakeView, now time.Time) bar {
	b := bar{Daemon: State{Word: "ready", Sign: "✓", Tone: Good}}
	if d.NotReady != "" {
		b.Daemon = State{Word: "not ready", Sign: "✖", Tone: Bad}
		b.Alarms = append(b.Alarms, "rollbackd is not ready: "+d.NotReady+".")
	}
	if text := d.Journal.alarm(now); text != "" {
		b.Alarms = append(b.Alarms, text)
		if d.NotReady == "" {
			b.Daemon = d.Journal.state()
		}
	}
	for _, s := range d.Sources {
		if s.Up {
			b.Facts = append(b.Facts, State{Word: s.Name + " answers", Sign: "✓", Tone: Good})
			continue
		}
		b.Facts = append(b.Facts, State{Word: s.Name + " does not answer", Sign: "✖", Tone: Bad})
		text := s.Name + " does not answer"
		if !s.Since.IsZero() {
			text += " since " + instant(s.Since, now).Text + " UTC"
		}
		if s.Reason != "" {
			text += " (" + s.Reason + ")"
		}
		b.Alarms = append(b.Alarms, text+": what it is asked for is unknown, and nothing fires on what is unknown.")
	}
	for _, w := range d.Waiting {
		b.Alarms = append(b.Alarms, w.alarm(now))
	}
	if d.ReloadFailed {
		b.Alarms = append(b.Alarms, "The last reload failed: the configuration from before it is in force. What is wrong: rollbackd check, or the daemon's log.")
	}
	for _, brake := range brakes {
		if brake.All {
			b.Alarms = append(b.Alarms, "All services: "+brakeText(brake, now)+".")
		}
	}
	return b
}

// brakeText is a brake in a few words.
func brakeText(b incident.BrakeView, now time.Time) string {
	text := "paused by " + b.By
	if b.Kind == incident.Lock {
		text = "locked by " + b.By
	}
	if b.Until.IsZero() {
		text += " until somebody lifts it"
	} else {
		text += " until " + instant(b.Until, now).Text + " UTC"
	}
	if b.Why != "" {
		text += ": " + brief(b.Why, 300)
	}
	return text
}

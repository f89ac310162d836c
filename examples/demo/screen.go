package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// screen writes what the viewer reads: one line for each thing that happened,
// with the seconds since the demo began.
type screen struct {
	out    io.Writer
	began  time.Time
	color  bool
	events []event // not yet written
}

// event is one thing that happened.
type event struct {
	at                time.Time
	color, word, text string
}

// newScreen writes to a file, in colour where it is a terminal and nobody asked
// for none.
func newScreen(out *os.File, began time.Time) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &screen{out: out, began: began, color: terminal && os.Getenv("NO_COLOR") == ""}
}

// The colours of the words at the head of a line.
const (
	plain  = ""
	yellow = "33"
	red    = "31"
	green  = "32"
	bold   = "1"
)

// say writes a line as it is.
func (s *screen) say(line string) {
	s.flush()
	fmt.Fprintln(s.out, line)
}

// fact writes one line of a list: a name, what it is, and a note.
func (s *screen) fact(name, value, note string) {
	s.say(fmt.Sprintf("  %-10s %-28s %s", name, value, note))
}

// event notes one thing that happened; flush writes it. What several sources
// tell in one look is put in order first.
func (s *screen) event(at time.Time, color, word, text string) {
	s.events = append(s.events, event{at, color, word, strings.ReplaceAll(text, "\n", "; ")})
}

// flush writes what was noted, in the order in which it happened.
func (s *screen) flush() {
	slices.SortStableFunc(s.events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range s.events {
		seconds := max(0, e.at.Sub(s.began).Seconds())
		fmt.Fprintf(s.out, "%6.1fs  %s  %s\n", seconds, s.paint(e.color, fmt.Sprintf("%-9s", e.word)), e.text)
	}
	s.events = nil
}

// paint wraps text in a colour.
func (s *screen) paint(color, text string) string {
	if !s.color || color == plain {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// tailLines is how much of a log is worth showing.
const tailLines = 30

// tail writes the last lines of a file, if it can be read.
func (s *screen) tail(title, path string) {
	body, err := os.ReadFile(path)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimRight(string(body), "\n"), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	s.say("")
	s.say(title + ":")
	for _, line := range lines {
		s.say("  | " + line)
	}
}

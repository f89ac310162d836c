package config_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// A template that asks for a state is tried on the words that the brain has for it.
func TestSamplesAreInStatesThatThereAre(t *testing.T) {
	states := []incident.State{
		"", incident.Firing, incident.CountingDown, incident.AwaitingApproval, incident.Held, incident.Confirming, incident.RollingBack, incident.Verifying, incident.Closed,
	}
	for _, m := range notify.Samples() {
		if !slices.Contains(states, incident.State(m.About.State)) {
			t.Errorf("%s: the state %q is none of the brain's", m.Event, m.About.State)
		}
	}
}

// What the page on receivers shows as a template loses nothing of any message, says
// no line twice and leaves the headline where people look for it.
func TestTheExampleOfATemplateIsRightForEveryEvent(t *testing.T) {
	page, err := os.ReadFile("../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, block := range regexp.MustCompile("(?s)```(\\w*)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if block[1] == "" {
			shown = append(shown, block[2])
		}
	}
	if len(shown) != 1 {
		t.Fatalf("the page shows %d templates, want one", len(shown))
	}
	template, err := notify.ParseTemplate(shown[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range notify.Samples() {
		first, text, err := template.Say(m, m.At)
		if err != nil {
			t.Errorf("%s: %v", m.Event, err)
			continue
		}
		if !strings.HasPrefix(first, m.FirstLine) {
			t.Errorf("%s: the first line %q loses something of %q", m.Event, first, m.FirstLine)
		}
		times := map[string]int{}
		for line := range strings.SplitSeq(text, "\n") {
			if times[line]++; times[line] > 1 || line == "" || strings.TrimSpace(line) != line {
				t.Errorf("%s: the line %q", m.Event, line)
			}
		}
		for _, line := range strings.Split(m.Text, "\n")[1:] {
			if times[line] != 1 {
				t.Errorf("%s: %q comes %d times in:\n%s", m.Event, line, times[line], text)
			}
		}
		if first != m.FirstLine && times[m.FirstLine] > 0 {
			t.Errorf("%s: the first line comes twice:\n%s", m.Event, text)
		}
	}
}

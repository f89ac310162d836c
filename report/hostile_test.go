package report_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/report"
	"github.com/rollbackd/rollbackd/trigger"
)

// hostile is an incident in which everything that can come from outside is a text.
func hostile(s string) *incident.Incident {
	at := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	code, value := 1, 0.081
	run := &incident.Run{
		ID: "i.1", State: incident.RunPartial, From: s, To: s, By: s, Scope: s, Reason: s, DecidedAt: at, StartedAt: at, EndedAt: at.Add(time.Minute), Changed: true,
		Plan: incident.Plan{Name: s}, Steps: []incident.StepRun{{
			Name: s, Unit: s, Phase: s, Section: incident.SectionSteps, State: incident.StepFailed, Attempts: 1, ExitCode: &code, Output: s, Error: s,
			StartedAt: at, EndedAt: at.Add(time.Minute), Approvals: []incident.Approval{{By: s, At: at, Reason: s, Roles: []string{s}}},
		}},
	}
	return &incident.Incident{
		ID: "i", Service: s, Severity: trigger.Critical, Mode: "live", State: incident.Closed, Outcome: incident.Unresolved, OpenedAt: at, ClosedAt: at.Add(time.Hour),
		ExternalID: s, AskedBy: s, Group: s, Labels: incident.Labels{"note": s}, Members: []incident.Member{{Service: s, From: s, To: s}}, AckedBy: s,
		Triggers: []incident.Evidence{{
			Name: "errors" + s, When: s, Severity: trigger.Critical, Value: value, HasValue: true, Threshold: s, ValueText: s, Since: at, FiredAt: at.Add(time.Minute), SaidBy: s,
		}},
		Samples: []incident.Series{{Trigger: "errors" + s, ThresholdText: s, Points: []incident.Point{{At: at, Value: &value, Truth: s}, {At: at.Add(time.Minute), Truth: s}}}},
		Decision: incident.Decision{
			State: incident.Held, HeldBy: incident.GuardBlocked, Reason: s, ReleasesWhen: s, Target: s, Scope: s, Caps: []incident.Hold{{Reason: s}},
		},
		Deployment: &incident.Deployment{Version: s, Previous: s, StartedAt: at, By: s, URL: s, Change: s, Source: s},
		Rollback:   run, Approvals: []incident.Approval{{By: s, At: at, Reason: s, Roles: []string{s}}},
		Verification: incident.Verification{
			State: incident.VerificationFailed, Reason: s, Triggers: []string{s}, Horizons: []incident.Horizon{{Name: "short", Reason: s, From: at, Until: at}},
		},
		Captures: []incident.StateBefore{{Name: s, State: incident.StepDone, Output: s, Error: s, At: at}},
		Impact:   &incident.Impact{From: at, To: at.Add(time.Minute), Problem: s},
		Timeline: []incident.Moment{
			{At: at, Kind: incident.KindDecided, Actor: "rollbackd", Text: s, HeldBy: incident.GuardBlocked},
			{At: at, Kind: incident.KindAcked, Actor: s, Text: s, Verb: "ack", Reason: s},
			{At: at, Kind: incident.KindClosed, Actor: s, Text: s, Verb: "close", Reason: s},
		},
	}
}

// attacks are texts that would do something somewhere.
func attacks() []string {
	return []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</style><script>", "</pre></td></table><h1>", "javascript:alert(1)",
		"`code` **bold** _under_ ~~gone~~", "| a | b |", "# heading", "- item", "1. item", "> quote", "---", "===", "[x](https://evil.example)", "![x](https://evil.example/x.png)",
		"https://evil.example", "www.evil.example", "a@evil.example", "```\nfence\n```", "~~~", "&lt;b&gt;", `\`, "`", "$x^2$", "<!-- comment -->",
		"\x1b[31mred\x1b[0m\x07", "a\r\nb\nc\td", "\u202egnp.exe", "zero\u200bwidth", "\xff\xfe", "\x00", "{{.}}", "${service}", "<!channel>",
	}
}

// tags are the names of all elements of a page in order, with their attributes'
// names: all that a text could change.
func tags(page string) []string {
	var found []string
	for _, tag := range regexp.MustCompile(`<[a-zA-Z!/][^>]*>`).FindAllString(page, -1) {
		found = append(found, regexp.MustCompile(`="[^"]*"`).ReplaceAllString(tag, ""))
	}
	return found
}

// drawing is a chart: what is in it depends on the lengths of texts.
func undrawn(page string) string {
	return regexp.MustCompile(`(?s)<svg.*?</svg>`).ReplaceAllString(page, "")
}

// TestTextStaysText: whatever a name, a reason or an output holds, the page has the
// elements that it has with a harmless word there, and no control character.
func TestTextStaysText(t *testing.T) {
	ask := report.Ask{Format: report.HTML}
	plain := written(t, hostile("word"), ask)
	for _, attack := range attacks() {
		page := written(t, hostile(attack), ask)
		if diff := cmp.Diff(tags(undrawn(plain)), tags(undrawn(page))); diff != "" {
			t.Errorf("%q changes the page (-with a word +with it):\n%s", attack, diff)
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
			t.Errorf("%q is an element of the page", attack)
		}
		noControls(t, attack, page)
	}
}

func noControls(t *testing.T, attack, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%q: %q has the control character %U", attack, text[max(0, i-20):min(len(text), i+20)], r)
			return
		}
	}
}

// TestMarkdownStaysText: no text begins a line of its own outside of an output, and
// an output cannot end its own fence.
func TestMarkdownStaysText(t *testing.T) {
	ask := report.Ask{Format: report.Markdown}
	plain := strings.Split(unfenced(written(t, hostile("word"), ask)), "\n")
	for _, attack := range attacks() {
		text := written(t, hostile(attack), ask)
		lines := strings.Split(unfenced(text), "\n")
		if len(lines) != len(plain) {
			t.Errorf("%q makes %d lines of %d:\n%s", attack, len(lines), len(plain), text)
			continue
		}
		for i := range lines {
			if strings.Count(strings.ReplaceAll(lines[i], `\|`, ""), "|") != strings.Count(plain[i], "|") {
				t.Errorf("%q makes other cells of\n%s\nthan a word does:\n%s", attack, lines[i], plain[i])
			}
		}
		noControls(t, attack, text)
	}
}

// unfenced leaves the insides of fences out.
func unfenced(text string) string {
	var kept []string
	fence := ""
	for one := range strings.SplitSeq(text, "\n") {
		switch {
		case fence == "" && strings.HasPrefix(one, "```"):
			fence = one
		case fence != "" && one == fence:
			fence = ""
		case fence == "":
			kept = append(kept, one)
		}
	}
	return strings.Join(kept, "\n")
}

// FuzzEscapeMarkdown: what is escaped is the text itself once the backslashes are
// taken away, and no character that is markup anywhere stands there bare.
func FuzzEscapeMarkdown(f *testing.F) {
	for _, attack := range attacks() {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := report.EscapeMarkdown(text)
		var back strings.Builder
		escaped := false
		for _, r := range got {
			switch {
			case escaped:
				back.WriteRune(r)
				escaped = false
			case r == '\\':
				escaped = true
			case strings.ContainsRune("`*[]<|~&$@#", r):
				t.Fatalf("%q has a bare %q", got, r)
			case r == '\n' || unicode.IsControl(r):
				t.Fatalf("%q has %U", got, r)
			default:
				back.WriteRune(r)
			}
		}
		if want := report.Line(text); escaped || back.String() != want {
			t.Fatalf("%q reads as %q, want %q", got, back.String(), want)
		}
		if regexp.MustCompile(`(^|[^\\])://|(?i)\bwww\.`).MatchString(got) {
			t.Fatalf("%q is a link", got)
		}
	})
}

// FuzzPage: no text changes the elements of the page.
func FuzzPage(f *testing.F) {
	for _, attack := range attacks() {
		f.Add(attack)
	}
	plain := tags(undrawn(written(f, hostile("word"), report.Ask{Format: report.HTML})))
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(report.Line(text)) == "" {
			t.Skip("nothing stands there")
		}
		if len(text) > 100 {
			text = text[:100]
		}
		page := undrawn(written(t, hostile(text), report.Ask{Format: report.HTML}))
		if diff := cmp.Diff(plain, tags(page)); diff != "" {
			t.Fatalf("%q changes the page:\n%s", text, diff)
		}
	})
}

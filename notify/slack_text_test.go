package notify_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// withSamples gives a message a series of ten-second samples; NaN-like words are
// points that are not known, and nil is no point at all.
func withSamples(values ...any) func(*notify.Message) {
	return func(m *notify.Message) {
		var points []map[string]any
		for i, v := range values {
			at := minute(0).Add(time.Duration(i) * 10 * time.Second)
			switch v := v.(type) {
			case float64:
				truth := "ok"
				if v > 0.01 {
					truth = "breach"
				}
				points = append(points, map[string]any{"at": at, "value": v, "truth": truth})
			case string:
				points = append(points, map[string]any{"at": at, "truth": "unknown"})
			}
		}
		body, err := json.Marshal(map[string]any{"samples": []any{
			map[string]any{"trigger": "errors", "unit": "ratio", "threshold": 0.01, "threshold_text": "> 1%", "points": points},
		}})
		if err != nil {
			panic(err) // it is made of numbers and words
		}
		if err := json.Unmarshal(body, &m.About); err != nil {
			panic(err)
		}
	}
}

// block is what the tests look at of one.
type block struct {
	Type     string
	Text     *struct{ Type, Text string }
	Fields   []struct{ Type, Text string }
	Elements []struct{ Type, Text string }
}

// texts are a block's, each with its type before it.
func (b block) texts() []string {
	var all []string
	if b.Text != nil {
		all = append(all, b.Text.Type+": "+b.Text.Text)
	}
	for _, t := range slices.Concat(b.Fields, b.Elements) {
		all = append(all, t.Type+": "+t.Text)
	}
	return all
}

// blocksOf are the blocks of the peer's newest post or edit.
func blocksOf(tb testing.TB, p *slackPeer) []block {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var blocks []block
	if err := json.Unmarshal([]byte(p.forms[len(p.forms)-1]["blocks"]), &blocks); err != nil {
		tb.Fatal(err)
	}
	return blocks
}

func TestSlackRootShowsWhatIsNeededAtThreeInTheMorning(t *testing.T) {
	p := newSlackPeer(t)
	deliver(t, p.slack(t, &drawer{}), told(t, "a/1", "ACTING acting", minute(4), withSamples(0.001, 0.002, "gap", nil, 0.05, 0.081),
		func(m *notify.Message) {
			m.About.Rollback = &notify.Rollback{From: "v2", To: "v1", DecidedAt: minute(2), SLASeconds: 900, SLAMet: nil}
			m.About.AckedBy = "alice"
		}))
	var got []string
	for _, b := range blocksOf(t, p) {
		got = append(got, b.texts()...)
	}
	want := []string{
		"plain_text: ACTING checkout a/1",
		"plain_text: Service\ncheckout",
		"plain_text: Version\nv2 → v1",
		"plain_text: State\nrolling back",
		"plain_text: Severity\ncritical",
		"plain_text: Mode\nLIVE",
		"plain_text: Time\n2m0s of 15m0s (SLA)",
		"plain_text: Acknowledged by\nalice",
		"plain_text: errors 8.1% &gt; 1%\nIf you do nothing: it goes on.",
		"mrkdwn: ```\nerrors  ▁▁··▅█  threshold &gt; 1%\n            ^^  ^ breaching\n        03:00:05–03:00:55 UTC, lowest 0.1%, highest 8.1%, · unknown\n```",
		"mrkdwn: ```\nrollbackd abort a --reason '…'\n```",
		"mrkdwn: <http://127.0.0.1:9797/incidents/a|Open the page>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSlackTimeAgainstTheSLA(t *testing.T) {
	yes, no := true, false
	tests := []struct {
		name string
		run  *notify.Rollback
		want string
	}{
		{"no rollback", nil, "open for 20m0s"},
		{"running", &notify.Rollback{DecidedAt: minute(10), SLASeconds: 900}, "10m0s of 15m0s (SLA)"},
		{"running too long", &notify.Rollback{DecidedAt: minute(1), SLASeconds: 900}, "19m0s of 15m0s (SLA), missed"},
		{"ended in time", &notify.Rollback{DecidedAt: minute(1), EndedAt: minute(9), SLASeconds: 900, SLAMet: &yes}, "8m0s of 15m0s (SLA), met"},
		{"ended, not verified", &notify.Rollback{DecidedAt: minute(1), EndedAt: minute(9), SLASeconds: 900, SLAMet: &no}, "8m0s of 15m0s (SLA), not met: never verified"},
		{"no SLA", &notify.Rollback{DecidedAt: minute(1), EndedAt: minute(9)}, "8m0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newSlackPeer(t)
			deliver(t, p.slack(t, &drawer{}), told(t, "a/1", "ACTING acting", minute(20), func(m *notify.Message) { m.About.Rollback = tt.run }))
			if got := strings.Join(blocksOf(t, p)[1].texts(), "; "); !strings.HasSuffix(got, "Time\n"+tt.want) {
				t.Errorf("got %q, want the time %q", got, tt.want)
			}
		})
	}
}

// TestSlackLinksOnlyThePage: an address in somebody's reason stays text.
func TestSlackLinksOnlyThePage(t *testing.T) {
	p := newSlackPeer(t)
	deliver(t, p.slack(t, &drawer{}), told(t, "a/1", "HELD held", minute(0), func(m *notify.Message) {
		m.Text = "HELD\nbob vetoed it:\nhttps://evil.example.com/login\nIf you do nothing: nothing is changed.\nrollbackd approve a\nhttps://roll.example.com/incidents/a\n" +
			"2 earlier messages were withheld (rate_limit)."
	}))
	var links []string
	for _, b := range blocksOf(t, p) {
		for _, text := range b.texts() {
			if strings.Contains(text, "<") {
				links = append(links, text)
			}
		}
	}
	if diff := cmp.Diff([]string{"mrkdwn: <https://roll.example.com/incidents/a|Open the page>"}, links); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkSafe looks at all that came for what Slack would act on, and at its limits.
func checkSafe(t *testing.T, p *slackPeer) {
	t.Helper()
	for _, value := range p.seen() {
		if i := strings.IndexFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
			t.Errorf("a control character at %d of %q", i, value)
		}
	}
	for _, post := range p.posts {
		if strings.ContainsAny(post.Text, "<>") || len([]rune(post.Text)) > 4000 || post.Text == "" {
			t.Errorf("text %q", post.Text)
		}
		var blocks []block
		if err := json.Unmarshal([]byte(post.Blocks), &blocks); err != nil || len(blocks) > 50 {
			t.Fatalf("%d blocks (%v)", len(blocks), err)
		}
		for _, b := range blocks {
			checkBlock(t, b)
		}
	}
}

func checkBlock(t *testing.T, b block) {
	t.Helper()
	room := 3000
	if b.Type == "header" {
		room = 150
	}
	for _, text := range b.texts() {
		kind, text, _ := strings.Cut(text, ": ")
		if n := len([]rune(text)); n > room || n == 0 {
			t.Errorf("%s of %d characters, want 1 to %d", b.Type, n, room)
		}
		if kind == "mrkdwn" && b.Type == "section" {
			inside, fenced := strings.CutPrefix(text, "```\n")
			inside, closed := strings.CutSuffix(inside, "\n```")
			if !fenced || !closed || strings.Contains(inside, "`") {
				t.Errorf("markup outside of code: %q", text)
			}
		}
		if strings.ContainsAny(text, "<>") && b.Type != "context" {
			t.Errorf("%s would be parsed: %q", b.Type, text)
		}
	}
	if len(b.Fields) > 10 {
		t.Errorf("%d fields", len(b.Fields))
	}
}

func hostile() []string {
	return []string{
		"<!channel> <@U012> <https://evil.example.com|click> @here #general", "*bold* _it_ ~no~ `code` ```\n<!here>\n```", "\x1b[31mred\x1b[0m\x07\x00\u202e\u2028",
		"&lt;!channel&gt; &amp;", strings.Repeat("&", 5000), strings.Repeat("ü\n", 5000), "", "\n\n", "rollbackd `rm` <!channel>", ":tada: \r\n\t",
	}
}

// hostileMessage has a text everywhere where one may come from outside.
func hostileMessage(text string) func(*notify.Message) {
	return func(m *notify.Message) {
		m.Service, m.Severity, m.FirstLine, m.Text = text, text, text, text+"\n"+text+"\nhttp://127.0.0.1/"+text
		withSamples(0.5, "", 0.1)(m)
		m.About.State, m.About.Outcome, m.About.Mode, m.About.AckedBy = text, text, text, text
		m.About.Samples[0].Trigger, m.About.Samples[0].ThresholdText, m.About.Samples[0].Unit = text, text, text
		m.About.Rollback = &notify.Rollback{From: text, To: text}
	}
}

func TestSlackShowsWhatComesFromOutsideAsText(t *testing.T) {
	for i, text := range hostile() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			p := newSlackPeer(t)
			s := p.slack(t, &drawer{})
			deliver(t, s, told(t, "a/1", "ACTING acting", minute(0), hostileMessage(text)), told(t, "a/2", "FAILED failed", minute(1), hostileMessage(text)))
			checkSafe(t, p)
		})
	}
}

func FuzzSlackText(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := quietSlackPeer()
		deliver(t, p.by(t, &drawer{}, direct{p}), told(t, "a/1", "ACTING acting", minute(0), hostileMessage(text)))
		checkSafe(t, p)
	})
}

func TestEverySampleIsOneThatSlackTakes(t *testing.T) {
	p := newSlackPeer(t)
	s := p.slack(t, &drawer{})
	for _, m := range notify.Samples() {
		payload, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, s, notify.Delivery{ID: m.ID, Receiver: "ops", Incident: m.Incident, At: m.At, Payload: payload})
	}
	checkSafe(t, p)
}

func TestTextChart(t *testing.T) {
	many := make([]any, 500)
	for i := range many {
		many[i] = 0.001
	}
	many[250] = 0.5
	tests := []struct {
		name   string
		values []any
		want   string // the first line
	}{
		{"nothing", nil, ""},
		{"nothing known", []any{"", ""}, ""},
		{"one point", []any{0.005}, "errors  ▄  threshold > 1%"},
		{"all the same", []any{0.005, 0.005, 0.005}, "errors  ▄▄▄  threshold > 1%"},
		{"unknown at both ends", []any{"", 0.001, 0.008, ""}, "errors  ·▁█·  threshold > 1%"},
		{"missing points", []any{0.001, 0.002, nil, nil, 0.008}, "errors  ▁▂··█  threshold > 1%"},
		{"the one peak of many", many, "errors  " + strings.Repeat("▁", 24) + "█" + strings.Repeat("▁", 23) + "  threshold > 1%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m notify.Message
			withSamples(tt.values...)(&m)
			got, _, _ := strings.Cut(notify.TextChart(m.About.Samples[0]), "\n")
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

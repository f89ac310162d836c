package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/notify"
)

func sampleOf(t *testing.T, event string) notify.Message {
	t.Helper()
	all := notify.Samples()
	i := slices.IndexFunc(all, func(m notify.Message) bool { return m.Event == event })
	if i < 0 {
		t.Fatalf("no sample of %q", event)
	}
	return all[i]
}

func TestTemplates(t *testing.T) {
	const first = "ACTING checkout v2 → v1 by 03:17:05 UTC LIVE"
	for text, want := range map[string]string{
		"{{.Service | toUpper}} {{.Headline | toLower}}":                 first + "\nCHECKOUT acting",
		`{{"two words" | title}}{{"  x " | trimSpace}}`:                  first + "\nTwo Wordsx",
		`{{join ", " (stringSlice "a" "b")}}`:                            first + "\na, b",
		`{{if match "^check" .Service}}yes{{end}}`:                       first + "\nyes",
		`{{reReplaceAll "c(.)" "<$1>" .Service}}`:                        first + "\n<h>e<k>out",
		`{{safeHtml "<b>"}}{{safeUrl "a&b"}}{{urlUnescape "a%20b"}}`:     first + "\n<b>a&ba b",
		`{{date "15:04" .About.OpenedAt}}`:                               first + "\n03:02",
		`{{.About.OpenedAt | tz "America/New_York" | date "15:04 MST"}}`: first + "\n22:02 EST",
		`{{since .About.OpenedAt}} {{humanizeDuration (since .At)}}`:     first + "\n5m0s 5m",
		`{{humanizeDuration 3725}} {{humanizeDuration 0.25}}`:            first + "\n1h 2m 5s 250ms",
		`{{toJson (stringSlice "a")}}`:                                   first + "\n[\"a\"]",
		`{{printf "%5.1f%%" 8.13}} {{html "<"}}`:                         first + "\n  8.1% &lt;",
		"{{.FirstLine}}\n{{.Text}}":                                      sampleOf(t, "acting").Text,
		`{{define "first_line"}}ACTING{{end}}ACTING now` + "\n{{.Text}}": strings.Replace(sampleOf(t, "acting").Text, first, "ACTING\nACTING now", 1),
		"{{.Text}}": sampleOf(t, "acting").Text,
		"":          first,
		"{{with .About.Deployment}}{{.By}}{{end}}":                        first + "\nalice",
		"{{range .About.Triggers}}{{.Name}} {{.ValueText}}{{end}}":        first + "\nerrors 8.1%",
		`{{define "first_line"}}{{.Service}}!{{end}}{{.Event}}`:           "checkout!\nacting",
		`{{define "first_line"}}{{end}}x`:                                 first + "\nx",
		"{{define \"first_line\"}}a\r\nBcc: x\x1b[31m{{end}}x\x1b[2J\x00": "a  Bcc: x[31m\nx[2J",
	} {
		parsed, err := notify.ParseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		m := sampleOf(t, "acting")
		line, got, err := parsed.Say(m, m.At.Add(5*time.Minute))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if head, _, _ := strings.Cut(got, "\n"); head != line {
			t.Errorf("%s: the first line is %q, and the text begins with %q", text, line, head)
		}
	}
}

func TestTheFirstLineIsCut(t *testing.T) {
	parsed, err := notify.ParseTemplate(`{{define "first_line"}}{{range 200}}ä{{end}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	first, _, err := parsed.Say(sampleOf(t, "acting"), time.Unix(0, 0))
	if n := utf8.RuneCountInString(first); err != nil || n != 120 || !strings.HasSuffix(first, "ä…") {
		t.Errorf("%d characters, %v: %s", n, err, first)
	}
}

func TestTemplatesThatFail(t *testing.T) {
	for text, want := range map[string]notify.TemplateError{
		"a\n{{.Headline":                              {Line: 2, Problem: "unclosed action"},
		"{{toUper .Service}}":                         {Line: 1, Problem: `function "toUper" not defined`},
		"a\n\n{{.Nobody}}":                            {Line: 3, Problem: "can't evaluate field Nobody"},
		"{{match \"(\" .Text}}":                       {Line: 1, Problem: "regular expression: error parsing regexp"},
		"{{.At | tz \"Nowhere/City\"}}":               {Line: 1, Problem: `time zone "Nowhere/City" is not known here`},
		"{{urlUnescape \"%zz\"}}":                     {Line: 1, Problem: "invalid URL escape"},
		"{{humanizeDuration .Text}}":                  {Line: 1, Problem: "want seconds or a duration, not string"},
		"{{template \"nobody\"}}":                     {Line: 1, Problem: `template "nobody" not defined`},
		"{{define \"first_line\"}}{{.Nobody}}{{end}}": {Line: 1, Problem: "can't evaluate field Nobody"},
	} {
		checkFails(t, text, want)
	}
}

// What would hold up the outbox, or fill the memory, ends.
func TestTemplatesAreBounded(t *testing.T) {
	for text, want := range map[string]notify.TemplateError{
		"{{range 1000000000}}{{end}}":                                          {Problem: "does too much"},
		"{{range 1000000000}}{{if false}}x{{end}}{{end}}":                      {Problem: "does too much"},
		"{{range 100000}}{{range 100000}}{{continue}}{{end}}{{end}}":           {Problem: "does too much"},
		"{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}":      {Problem: "does too much"},
		"{{range 1000000}}0123456789{{end}}":                                   {Problem: "says more than 32 KiB"},
		`{{$x := "x"}}{{range 60}}{{$x = print $x $x}}{{end}}`:                 {Line: 1, Problem: "makes a text of more than 32 KiB"},
		`{{$x := "x"}}{{range 60}}{{$x = join $x (stringSlice $x $x)}}{{end}}`: {Line: 1, Problem: "makes a text of more than 32 KiB"},
		`{{printf "%1000000d" 1}}`:                                             {Line: 1, Problem: "makes a text of more than 32 KiB"},
		`{{range 100000}}{{if match "(a*)*b" "aaaaaaaaaaaa"}}{{end}}{{end}}`:   {Line: 1, Problem: "does too much"},
		`{{$s := printf "%30000d" 1}}{{reReplaceAll " " $s $s}}`:               {Line: 1, Problem: "does too much"},
	} {
		checkFails(t, text, want)
	}
}

func checkFails(t *testing.T, text string, want notify.TemplateError) {
	t.Helper()
	parsed, err := notify.ParseTemplate(text)
	if err == nil {
		_, _, err = parsed.Say(sampleOf(t, "acting"), time.Unix(0, 0))
	}
	got, ok := errors.AsType[*notify.TemplateError](err)
	if !ok || want.Line > 0 && got.Line != want.Line || !strings.Contains(got.Problem, want.Problem) {
		t.Errorf("%s: got %v, want line %d: %s", text, err, want.Line, want.Problem)
	}
}

// What a message says cannot make a template do anything: it is a value.
func FuzzTemplate(f *testing.F) {
	f.Add("{{.Text}}", "ACTING {{.Nobody}}", "rollbackd \x1b[31m\r\nBcc: x")
	f.Add(`{{define "first_line"}}{{.Text}}{{end}}`, "a\nb", "{{end}}")
	f.Add("{{range 9}}{{$.FirstLine}}{{end}}", "→", "\xff")
	f.Fuzz(func(t *testing.T, text, first, said string) {
		parsed, err := notify.ParseTemplate(text)
		if err != nil {
			if _, ok := errors.AsType[*notify.TemplateError](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		line, all, err := parsed.Say(notify.Message{FirstLine: first, Text: first + "\n" + said}, time.Unix(0, 0))
		if err != nil {
			return
		}
		if utf8.RuneCountInString(line) > 120 || strings.ContainsAny(line, "\r\n\x00\x1b") || !utf8.ValidString(line) {
			t.Errorf("first line %q", line)
		}
		if len(all) > 34<<10 || strings.ContainsAny(all, "\r\x00\x1b") || !strings.HasPrefix(all, line) {
			t.Errorf("text %q", all)
		}
	})
}

// catcher keeps what a channel is given.
type catcher struct {
	deliveries []notify.Delivery
	edits      int
}

func (c *catcher) Deliver(_ context.Context, d notify.Delivery) error {
	c.deliveries = append(c.deliveries, d)
	return nil
}

func (c *catcher) Edit(context.Context, notify.Delivery) error { c.edits++; return nil }

func (c *catcher) Patience() time.Duration { return time.Hour }

func reworded(t *testing.T, text string, d notify.Delivery) (notify.Message, map[string]any) {
	t.Helper()
	parsed, err := notify.ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	c := &catcher{}
	r := &notify.Reworded{Channel: c, Template: parsed, Clock: clock.NewMock(), Logger: hclog.NewNullLogger()}
	if err := r.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := r.Edit(t.Context(), d); err != nil || c.edits != 1 || r.Patience() != time.Hour {
		t.Errorf("the channel's own ways are lost: %v, %d edits, patience %s", err, c.edits, r.Patience())
	}
	m, err := notify.ParseMessage(c.deliveries[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	if err := json.Unmarshal(c.deliveries[0].Payload, &all); err != nil {
		t.Fatal(err)
	}
	return m, all
}

func TestRewordedMessagesKeepAllElse(t *testing.T) {
	d := ofEvent(t, "acting", nil)
	before := map[string]any{}
	if err := json.Unmarshal(d.Payload, &before); err != nil {
		t.Fatal(err)
	}
	m, after := reworded(t, `{{define "first_line"}}Hey {{.Service}}{{end}}look <here> & act`, d)
	if m.FirstLine != "Hey checkout" || m.Text != "Hey checkout\nlook <here> & act" {
		t.Errorf("%q, %q", m.FirstLine, m.Text)
	}
	before["first_line"], before["text"] = m.FirstLine, m.Text
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATemplateThatFailsLosesNoMessage(t *testing.T) {
	d := ofEvent(t, "blind", nil)
	m, _ := reworded(t, "{{.About.Deployment.Version}}", d)
	sample := sampleOf(t, "blind")
	if m.FirstLine != sample.FirstLine || !strings.HasPrefix(m.Text, sample.Text+"\n(The template of this receiver failed: line 1: ") {
		t.Errorf("%q, %q", m.FirstLine, m.Text)
	}
}

func TestARewordedMessageSaysWhatWasWithheld(t *testing.T) {
	const notice = "\n3 earlier messages were withheld (rate_limit)."
	d := ofEvent(t, "held", func(m *notify.Message) { m.Withheld, m.Text = 3, m.Text+notice })
	for _, text := range []string{"short", "{{.Text}}"} {
		m, _ := reworded(t, text, d)
		if !strings.HasSuffix(m.Text, notice) || strings.Count(m.Text, notice) != 1 {
			t.Errorf("%s: %q", text, m.Text)
		}
	}
}

func TestSamplesAreWholeMessages(t *testing.T) {
	for _, m := range notify.Samples() {
		payload, err := m.Payload()
		if err != nil {
			t.Fatal(err)
		}
		again, err := notify.ParseMessage(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("%s (-sample +parsed):\n%s", m.Event, diff)
		}
		if !strings.HasPrefix(m.Text, m.FirstLine) || !strings.HasPrefix(m.FirstLine, m.Headline+" ") || utf8.RuneCountInString(m.FirstLine) > 120 {
			t.Errorf("%s: first line %q, text %q", m.Event, m.FirstLine, m.Text)
		}
		lines := strings.Split(m.Text, "\n")
		next, command := lines[len(lines)-2], lines[len(lines)-1]
		if !strings.HasPrefix(next, "If you do nothing: ") && next != "There is nothing to do." || !strings.HasPrefix(command, "rollbackd ") {
			t.Errorf("%s: it says neither what happens nor what to type: %q", m.Event, m.Text)
		}
		if (m.Incident == "") != (m.About.State == "") {
			t.Errorf("%s: incident %q in state %q", m.Event, m.Incident, m.About.State)
		}
	}
}

func TestATestIsMarkedAsOne(t *testing.T) {
	begin, end := notify.TrialMessages("ops", time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
	for _, m := range []notify.Message{begin, end} {
		if !strings.HasPrefix(m.FirstLine, "TEST of the receiver ops") || !strings.HasPrefix(m.Text, m.FirstLine) || m.Severity != "low" || m.Incident != begin.Incident {
			t.Errorf("%+v", m)
		}
	}
	if begin.ID == end.ID || end.About.ClosedAt.IsZero() || !begin.About.ClosedAt.IsZero() {
		t.Errorf("%+v, %+v", begin, end)
	}
}

// TestATestIsMarkedWhateverTheTemplateSays: nobody takes it for a real one.
func TestATestIsMarkedWhateverTheTemplateSays(t *testing.T) {
	begin, end := notify.TrialMessages("ops", time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC))
	for text, want := range map[string][2]string{
		`{{define "first_line"}}{{.Headline}} {{.Service | toUpper}}{{end}}go`: {"TEST ACTING ROLLBACKD-TEST", "TEST RECOVERED ROLLBACKD-TEST"},
		`{{define "first_line"}}TESTING{{end}}go`:                              {"TEST TESTING", "TEST TESTING"},
		"go": {begin.FirstLine, end.FirstLine},
	} {
		parsed, err := notify.ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range []notify.Message{begin, end} {
			payload, err := m.Payload()
			if err != nil {
				t.Fatal(err)
			}
			c := &catcher{}
			r := &notify.Reworded{Channel: c, Template: parsed, Clock: clock.NewMock(), Logger: hclog.NewNullLogger(), Trial: true}
			if err := r.Deliver(t.Context(), notify.Delivery{ID: m.ID, Payload: payload}); err != nil {
				t.Fatal(err)
			}
			got, err := notify.ParseMessage(c.deliveries[0].Payload)
			if err != nil || got.FirstLine != want[i] || got.Text != want[i]+"\ngo" {
				t.Errorf("%s: %q, %q, %v, want %q", text, got.FirstLine, got.Text, err, want[i])
			}
		}
	}
}

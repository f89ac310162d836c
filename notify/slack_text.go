package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Slack's limits, in characters.
const (
	headerRoom  = 150
	sectionRoom = 3000
	fieldRoom   = 2000
	plainRoom   = 3900 // of a message without blocks, before Slack cuts it
	chartsShown = 3
)

// slackText is a message as Slack shows it: blocks, and plain words for
// notifications, screen readers and where blocks are refused.
type slackText struct {
	id     string
	plain  string
	blocks []slack.Block
	// loud is true for what the whole channel should see, not the thread alone.
	loud bool
}

// form is it as Slack's methods read it. Nothing in it is parsed, unfurled or
// turned into a mention, and each post carries the message's id.
func (t slackText) form() (url.Values, error) {
	f := url.Values{
		"text": {t.plain}, "mrkdwn": {"false"}, "parse": {"none"}, "link_names": {"false"}, "unfurl_links": {"false"}, "unfurl_media": {"false"},
	}
	metadata, err := json.Marshal(slack.SlackMetadata{EventType: "rollbackd_message", EventPayload: map[string]any{"id": t.id}})
	if err != nil {
		return nil, err
	}
	f.Set("metadata", string(metadata))
	if t.blocks != nil {
		blocks, err := json.Marshal(t.blocks)
		if err != nil {
			return nil, err
		}
		f.Set("blocks", string(blocks))
	}
	if t.loud {
		f.Set("reply_broadcast", "true")
	}
	return f, nil
}

// overview is the root of a thread: all that is known at this message.
func (s *Slack) overview(m Message) slackText {
	said := s.read(m)
	blocks := []slack.Block{slack.NewHeaderBlock(plainObject(said.first, headerRoom))}
	if fields := overviewFields(m); len(fields) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, fields, nil))
	}
	blocks = append(blocks, said.lines...)
	for i, series := range m.About.Samples {
		if chart := textChart(series); chart != "" && i < chartsShown {
			blocks = append(blocks, codeBlock(chart))
		}
	}
	blocks = append(blocks, said.end...)
	return slackText{id: m.ID, plain: fit(said.first, plainRoom), blocks: blocks}
}

// letter is a message that stands alone.
func (s *Slack) letter(m Message) slackText {
	said := s.read(m)
	blocks := []slack.Block{slack.NewHeaderBlock(plainObject(said.first, headerRoom))}
	return slackText{id: m.ID, plain: fit(m.Text, plainRoom), blocks: slices.Concat(blocks, said.lines, said.end)}
}

// reply is a message within its incident's thread.
func (s *Slack) reply(m Message) slackText {
	t := s.letter(m)
	t.loud = m.Headline == "FAILED" || m.Event == "escalation" || m.Event == "overdue"
	return t
}

// spoken is a message's text, taken apart.
type spoken struct {
	first      string
	lines, end []slack.Block // words; commands and the page
}

// read takes a message's text apart: its commands are shown as code, to be copied,
// and its page as a link. That is the last line but for word of what was withheld:
// an address anywhere else may come from outside, and stays text.
func (s *Slack) read(m Message) spoken {
	said := spoken{first: m.FirstLine}
	if said.first == "" {
		said.first = m.Headline
	}
	lines := strings.Split(strings.TrimSpace(plainText(m.Text)), "\n")
	if lines[0] == m.FirstLine {
		lines = lines[1:]
	}
	var words, commands []string
	page := ""
	for i, line := range lines {
		switch {
		case i >= len(lines)-2 && linkable(line):
			page = line
		case strings.HasPrefix(line, "rollbackd "):
			commands = append(commands, line)
		case strings.TrimSpace(line) != "":
			words = append(words, line)
		}
	}
	if len(words) > 0 {
		said.lines = []slack.Block{slack.NewSectionBlock(plainObject(strings.Join(words, "\n"), sectionRoom), nil, nil)}
	}
	if len(commands) > 0 {
		said.end = append(said.end, codeBlock(strings.Join(commands, "\n")))
	}
	if own := pageOf(s.options.ExternalURL, m.Incident); own != "" {
		page = own
	}
	if page != "" {
		link := "<" + escape(page) + "|Open the page>"
		if m.Event == "closed" && s.options.ExternalURL != "" {
			link += " · <" + escape(reportOf(s.options.ExternalURL, m.Incident)) + "|Read the report>"
		}
		said.end = append(said.end, slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, link, false, true)))
	}
	return said
}

// linkable tells whether a line is an address and nothing else.
func linkable(line string) bool {
	_, err := httpAddress(line)
	return err == nil && len(line) < fieldRoom && !strings.ContainsAny(line, "<>|`\" \t")
}

// overviewFields are the facts beside each other.
func overviewFields(m Message) []*slack.TextBlockObject {
	var fields []*slack.TextBlockObject
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, plainObject(name+"\n"+oneLine(value), fieldRoom))
		}
	}
	a := m.About
	state := strings.ReplaceAll(a.State, "_", " ")
	if a.Outcome != "" {
		state += ", " + strings.ReplaceAll(a.Outcome, "_", " ")
	}
	add("Service", m.Service)
	if r := a.Rollback; r != nil && (r.From != "" || r.To != "") {
		add("Version", r.From+" → "+r.To)
	} else if d := a.Deployment; d != nil {
		add("Version", d.Version)
	}
	add("State", state)
	add("Severity", m.Severity)
	add("Mode", strings.ToUpper(a.Mode))
	add("Time", elapsed(m))
	add("Acknowledged by", a.AckedBy)
	return fields
}

// elapsed is how long a rollback has taken against its SLA, or, without one, how
// long the incident has been open.
func elapsed(m Message) string {
	a, end := m.About, m.At
	r := a.Rollback
	if r == nil || r.DecidedAt.IsZero() {
		if !a.ClosedAt.IsZero() {
			end = a.ClosedAt
		}
		if a.OpenedAt.IsZero() {
			return ""
		}
		return "open for " + seconds(end.Sub(a.OpenedAt))
	}
	if !r.EndedAt.IsZero() {
		end = r.EndedAt
	}
	took := end.Sub(r.DecidedAt)
	text := seconds(took)
	if r.SLASeconds <= 0 {
		return text
	}
	sla := time.Duration(r.SLASeconds * float64(time.Second))
	text += " of " + seconds(sla) + " (SLA)"
	switch {
	case r.SLAMet != nil && *r.SLAMet:
		text += ", met"
	case r.SLAMet != nil && took <= sla:
		text += ", not met: never verified"
	case r.SLAMet != nil || took > sla:
		text += ", missed"
	}
	return text
}

func seconds(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

// plainObject is text that Slack shows as it is: no markup, no emoji.
func plainObject(text string, room int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, fit(text, room), false, false)
}

// codeBlock is text with fixed width, to be copied. Within the fence only a
// backtick could end it.
func codeBlock(text string) slack.Block {
	const fence = "```"
	text = strings.ReplaceAll(text, "`", "'")
	text = fence + "\n" + fit(text, sectionRoom-2*len(fence)-2) + "\n" + fence
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, true), nil, nil)
}

// escape writes what Slack would take for a mention, a link or an entity as text.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// fit is an escaped text of at most so many characters; what is cut off is cut
// before escaping, so that no entity is cut in two. It is never empty, as Slack
// refuses that.
func fit(text string, room int) string {
	text = plainText(text)
	if strings.TrimSpace(text) == "" {
		return "-"
	}
	if whole := escape(text); len([]rune(whole)) <= room {
		return whole
	}
	var b strings.Builder
	used := 1 // for the ellipsis
	for _, r := range text {
		piece := escape(string(r))
		if used += len([]rune(piece)); used > room {
			break
		}
		b.WriteString(piece)
	}
	return b.String() + "…"
}

// quantity is a sample's value in its unit.
func quantity(v float64, unit string) string {
	switch unit {
	case "ratio":
		return fmt.Sprintf("%.3g%%", v*100)
	case "percent":
		return fmt.Sprintf("%.3g%%", v)
	case "seconds":
		return fmt.Sprintf("%.3gs", v)
	case "milliseconds":
		return fmt.Sprintf("%.3gms", v)
	}
	return strings.TrimSpace(fmt.Sprintf("%.4g %s", v, strings.ReplaceAll(unit, "_", " ")))
}

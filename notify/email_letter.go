package notify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// letter is a message as mail: text, and the same as HTML with the chart in it.
func (e *Email) letter(m Message) (*gomail.Msg, error) {
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	letter.FromMailAddress(e.from)
	letter.ToMailAddress(e.recipients...)
	first := oneLine(m.FirstLine)
	letter.Subject(first)
	letter.SetDateWithValue(m.At)
	e.thread(letter, m)
	for name, value := range map[gomail.Header]string{
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
		"X-Rollbackd-Message": m.ID, "X-Rollbackd-Event": m.Event, "X-Rollbackd-Incident": m.Incident,
		"X-Rollbackd-Service": m.Service, "X-Rollbackd-Severity": m.Severity,
	} {
		if value = oneLine(value); value != "" {
			letter.SetGenHeader(name, value)
		}
	}
	svg, drawn := e.chart(m)
	body := plainText(m.Text)
	letter.SetBodyString(gomail.TypeTextPlain, body)
	html, err := mailHTML(first, body, drawn)
	if err != nil {
		return nil, err
	}
	letter.AddAlternativeString(gomail.TypeTextHTML, html)
	if drawn {
		err = letter.EmbedReader("evidence.svg", bytes.NewReader(svg),
			gomail.WithFileContentType("image/svg+xml"), gomail.WithFileContentID("<"+chartID+">"))
	}
	return letter, err
}

func (e *Email) chart(m Message) (svg []byte, drawn bool) {
	if e.options.Chart == nil {
		return nil, false
	}
	svg, drawn = e.options.Chart(m)
	return svg, drawn && len(svg) > 0
}

// thread gives the letter its own id, the same at every attempt, and the one that
// all letters of its incident refer to. Nobody sends that one: it is known without
// remembering which message came first, and mail programs thread by it all the same.
func (e *Email) thread(letter *gomail.Msg, m Message) {
	letter.SetMessageIDWithValue(e.mailID(m.ID))
	if m.Incident == "" {
		return
	}
	root := "<" + e.mailID("incident/"+m.Incident) + ">"
	letter.SetGenHeader(gomail.HeaderInReplyTo, root)
	letter.SetGenHeader(gomail.HeaderReferences, root)
}

// mailID is an id of ours as mail has it. One that does not fit there is hashed.
func (e *Email) mailID(id string) string {
	fits := id != "" && len(id) <= 180 && !strings.Contains(id, "..") && !strings.HasPrefix(id, ".") && !strings.HasSuffix(id, ".") &&
		strings.IndexFunc(id, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("./-_", r)
		}) < 0
	if !fits {
		sum := sha256.Sum256([]byte(id))
		id = "sha256-" + hex.EncodeToString(sum[:])
	}
	return "rollbackd/" + id + "@" + e.domain()
}

// oneLine is a text fit for a header: no line end and nothing that is not shown.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > longestFirst {
		text = string(runes[:longestFirst-1]) + "…"
	}
	return strings.TrimSpace(text)
}

// longestFirst is how many characters a first line has at most.
const longestFirst = 120

// plainText is a text without what a terminal or a mail program would obey.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, text)
}

// chartID is how the HTML names the chart within its own mail.
const chartID = "evidence.svg"

// mailHTML is a message as a page. Everything in it is text: html/template escapes
// each value for the place where it stands.
func mailHTML(first, body string, chart bool) (string, error) {
	page, err := template.New("mail").Parse(mailPage)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(body, "\n")
	var lines []mailLine
	for line := range strings.SplitSeq(strings.TrimRight(rest, "\n"), "\n") {
		lines = append(lines, mailLine{Text: line, Command: strings.HasPrefix(line, "rollbackd ")})
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct {
		First string
		Lines []mailLine
		Chart bool
	}{First: first, Lines: lines, Chart: chart})
	return b.String(), err
}

// mailLine is one line of a message. Command is true for one to copy.
type mailLine struct {
	Text    string
	Command bool
}

const mailPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.First}}</title></head>
<body style="font-family:sans-serif;font-size:15px;line-height:1.45;max-width:46em">
<p style="font-size:17px"><strong>{{.First}}</strong></p>
{{range .Lines}}{{if .Command}}<p><code style="font-family:monospace;white-space:pre-wrap">{{.Text}}</code></p>
{{else if .Text}}<p style="margin:.3em 0;white-space:pre-wrap">{{.Text}}</p>
{{end}}{{end}}{{if .Chart}}<p><img src="cid:evidence.svg" alt="Chart of the evidence: what the triggers saw, and their thresholds. The figures are in the text." style="max-width:100%"></p>
{{end}}</body></html>
`

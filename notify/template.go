package notify

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// Template is a user's own words for messages: Go's text/template over a Message,
// with the functions of Alertmanager's templates. Its output follows the first line,
// which stays rollbackd's own unless the template defines one by the name of
// "first_line". The message's Text is without its first line there, so that a template
// may put it anywhere. It is safe for concurrent use.
type Template struct {
	parsed *template.Template
}

// TemplateError is a template that cannot be used, or not for a message.
type TemplateError struct {
	// Line counts from 1 within the template; zero where it is not known.
	Line    int
	Problem string
}

// Error is the problem, with the line where it is known.
func (e *TemplateError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
	}
	return e.Problem
}

// firstLineName is the template that makes the first line.
const firstLineName = "first_line"

// The bounds of one message: a template that goes beyond has failed.
const (
	// longestText is how many bytes it may say.
	longestText = 32 << 10
	// mostWork is how much it may do for that: bytes written and handled by
	// functions, and each turn of a loop for turnWork of them.
	mostWork = 4 << 20
	turnWork = 64
)

// ParseTemplate reads a template. Its error is a *TemplateError.
func ParseTemplate(text string) (*Template, error) {
	// The one thing with free keys is .Labels, and a label that a service does not
	// have is empty, as in Alertmanager's templates.
	parsed, err := template.New("text").Option("missingkey=zero").Funcs(functions(&work{})).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	for _, t := range parsed.Templates() {
		if t.Tree != nil && t.Root != nil {
			countTurns(t.Root, true)
		}
	}
	return &Template{parsed: parsed}, nil
}

// Say is what the template makes of a message: its first line and the whole text,
// with that. Its error is a *TemplateError; the same message always has the same
// outcome, except for what "since" says, which goes by now.
func (t *Template) Say(m Message, now time.Time) (first, text string, err error) {
	first = oneLine(m.FirstLine)
	m.Text = without(m.Text, m.FirstLine)
	if own := t.parsed.Lookup(firstLineName); own != nil {
		line, err := t.execute(firstLineName, m, now)
		if err != nil {
			return "", "", err
		}
		if line = oneLine(line); line != "" {
			first = line
		}
	}
	body, err := t.execute("text", m, now)
	if err != nil {
		return "", "", err
	}
	body = without(strings.Trim(plainText(body), "\n"), first) // {{.FirstLine}} says it again
	if body == "" {
		return first, first, nil
	}
	return first, first + "\n" + body, nil
}

// without is a text without its first line, if that is the one given.
func without(text, first string) string {
	if head, rest, _ := strings.Cut(text, "\n"); head == first {
		return rest
	}
	return text
}

// execute runs one of the templates. What it may do is bounded, so that none holds
// up messages.
func (t *Template) execute(name string, m Message, now time.Time) (out string, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = &TemplateError{Problem: fmt.Sprintf("panics: %v", problem)}
		}
	}()
	done := &work{now: now}
	own, err := t.parsed.Clone()
	if err != nil {
		return "", templateError(err)
	}
	var b strings.Builder
	if err := own.Funcs(functions(done)).ExecuteTemplate(&bounded{to: &b, work: done}, name, m); err != nil {
		return "", templateError(err)
	}
	return b.String(), nil
}

// work counts what a template does.
type work struct {
	now  time.Time
	done int
}

func (w *work) add(n int) error {
	w.done += n
	if w.done > mostWork {
		return errors.New("does too much for one message (a loop without end?)")
	}
	return nil
}

// bounded writes up to longestText.
type bounded struct {
	to      io.Writer
	work    *work
	written int
}

// Write fails beyond the bounds. An empty one is a turn of a loop.
func (b *bounded) Write(p []byte) (int, error) {
	if err := b.work.add(turnWork + len(p)); err != nil {
		return 0, err
	}
	b.written += len(p)
	if b.written > longestText {
		return 0, fmt.Errorf("says more than %d KiB", longestText>>10)
	}
	return b.to.Write(p)
}

// countTurns puts an empty text in front of each body of a loop and of a template:
// the executor writes it, and so a loop that says nothing is counted too.
func countTurns(list *parse.ListNode, counted bool) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.RangeNode:
			countTurns(n.List, true)
			countTurns(n.ElseList, false)
		case *parse.IfNode:
			countTurns(n.List, false)
			countTurns(n.ElseList, false)
		case *parse.WithNode:
			countTurns(n.List, false)
			countTurns(n.ElseList, false)
		}
	}
	if counted {
		turn := &parse.TextNode{NodeType: parse.NodeText, Pos: list.Pos}
		list.Nodes = append([]parse.Node{turn}, list.Nodes...)
	}
}

// templateError takes the line out of what the library says.
func templateError(err error) error {
	text := err.Error()
	m := regexp.MustCompile(`^template: [^:]*:(\d+)(?::\d+)?: (.*)$`).FindStringSubmatch(strings.ReplaceAll(text, "\n", " "))
	if m == nil {
		return &TemplateError{Problem: strings.TrimPrefix(text, "template: ")}
	}
	line, _ := strconv.Atoi(m[1]) // digits
	problem := regexp.MustCompile(`nil pointer evaluating .*`).ReplaceAllString(m[2], "there is none in this message (write {{with …}} or {{if …}} around it)")
	return &TemplateError{Line: line, Problem: problem}
}

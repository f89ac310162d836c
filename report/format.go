package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/incident"
)

// Format is a form in which a report is written.
type Format string

// The forms: the first three are the report itself, the others its numbers and its
// failures for programs.
const (
	Markdown Format = "markdown"
	HTML     Format = "html"
	JSON     Format = "json"
	Metrics  Format = "metrics"
	Failures Format = "failures"
)

// Formats are all forms, the default first.
func Formats() []Format { return []Format{Markdown, JSON, HTML, Metrics, Failures} }

// Ask is what is to be written of an incident. Its zero value asks for the report
// as Markdown.
type Ask struct {
	Format Format
	// For asks for a draft for these people instead; empty for none. A draft is
	// plain text, whose Format is empty or Markdown.
	For Audience
}

// ParseAsk reads the words of a request; empty ones mean the default. Its error
// names what could have been said.
func ParseAsk(format, audience string) (Ask, error) {
	a := Ask{Format: Format(format), For: Audience(audience)}
	if a.Format == "" {
		a.Format = Markdown
	}
	var errs []error
	if !slices.Contains(Formats(), a.Format) {
		errs = append(errs, fmt.Errorf("format: %q is not a form of a report (want %s)", format, words(Formats())))
	}
	if a.For != "" && !slices.Contains(Audiences(), a.For) {
		errs = append(errs, fmt.Errorf("for: %q is nobody that a draft can be for (want %s)", audience, words(Audiences())))
	}
	if a.For != "" && a.Format != Markdown && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("format: a draft for %s is plain text: leave the format out", a.For))
	}
	return a, errors.Join(errs...)
}

func words[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = string(one)
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

// ContentType is the media type of what an ask gives.
func (a Ask) ContentType() string {
	switch {
	case a.For != "":
		return "text/plain; charset=utf-8"
	case a.Format == HTML:
		return "text/html; charset=utf-8"
	case a.Format == JSON, a.Format == Metrics, a.Format == Failures:
		return "application/json; charset=utf-8"
	}
	return "text/markdown; charset=utf-8"
}

// Write writes what is asked for of an incident in its public form.
func Write(w io.Writer, inc *incident.Incident, a Ask, o Options) error {
	r := Of(inc, o)
	switch {
	case a.For != "":
		_, err := io.WriteString(w, r.Draft(a.For))
		return err
	case a.Format == HTML:
		return r.WriteHTML(w)
	case a.Format == JSON:
		return writeJSON(w, r)
	case a.Format == Metrics:
		return writeJSON(w, r.Metrics())
	case a.Format == Failures:
		return writeJSON(w, r.Failures())
	}
	return r.WriteMarkdown(w)
}

// writeJSON writes a document as people can read it, too.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("the report cannot be written as JSON: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

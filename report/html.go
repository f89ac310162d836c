package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/rollbackd/rollbackd/chart"
)

//go:embed report.html
var pageText string

// ContentSecurityPolicy is the policy under which the HTML form is to be served. It
// says the same in itself, for where it is opened as a file.
const ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// The charts of the HTML form: one for a screen and paper, one for a phone.
const (
	wideChart, wideHeight     = 900, 220
	narrowChart, narrowHeight = 360, 180
)

// WriteHTML writes the report as one file that needs nothing else: no script, no
// font, no request to anywhere. Its error is the writer's.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"chart": drawn, "id": anchor, "show": line, "raw": Visible,
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("the page of a report: %w", err)
	}
	page := struct {
		document
		Incident, Tone string
	}{r.document(), r.Incident, r.tone()}
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		return fmt.Errorf("the page of a report: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// tone is how an incident stands, for the bar beside the title: well, open (also
// where it was closed before it was seen to be well) or bad. The words say the same.
func (r *Report) tone() string {
	run := r.inc.Rollback
	switch {
	case r.Outcome == "unresolved", run != nil && run.State == "partial", run != nil && run.State == "blocked":
		return "bad"
	case r.trouble().ended != over:
		return "open"
	}
	return "well"
}

// widths are a chart at two widths; a page shows the one that fits.
type widths struct{ Wide, Narrow template.HTML }

func drawn(c *chart.Chart) (both widths, err error) {
	wide, narrow := *c, *c
	wide.Width, wide.Height = wideChart, wideHeight
	narrow.Width, narrow.Height = narrowChart, narrowHeight
	if both.Wide, err = element(wide); err != nil {
		return both, err
	}
	both.Narrow, err = element(narrow)
	return both, err
}

func element(c chart.Chart) (template.HTML, error) {
	var b bytes.Buffer
	err := c.WriteInline(&b)
	return template.HTML(b.String()), err //nolint:gosec // chart escapes every text it is given, and its tests hold it to that
}

// anchor is a section's name as a link inside the page knows it.
func anchor(title string) string {
	return strings.ReplaceAll(strings.ToLower(title), " ", "-")
}

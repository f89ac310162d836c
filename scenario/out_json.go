package scenario

import (
	"encoding/json"
	"io"
)

// jsonOutput writes one document for programs. It holds no durations: the same
// files give the same bytes.
type jsonOutput struct {
	out      io.Writer
	verbose  bool
	document jsonDocument
}

type jsonDocument struct {
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Files  []jsonFile `json:"files"`
}

type jsonFile struct {
	File   string `json:"file"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
	// Error is why the file could not be read; it counts as one that failed.
	Error string     `json:"error,omitempty"`
	Cases []jsonCase `json:"cases"`
}

type jsonCase struct {
	Name     string   `json:"name"`
	Line     int      `json:"line"`
	Passed   bool     `json:"passed"`
	Failures []string `json:"failures"`
	Wrote    string   `json:"wrote,omitempty"`
	// Timeline is there where it was asked for.
	Timeline []string `json:"timeline,omitempty"`
}

func (j *jsonOutput) file(f fileOutcome) error {
	r := f.result()
	shown := jsonFile{File: f.path, Passed: r.Passed, Failed: r.Failed, Cases: []jsonCase{}}
	if f.err != nil {
		shown.Error = f.err.Error()
	}
	for _, c := range f.cases {
		one := jsonCase{Name: c.Case, Line: c.Line, Passed: c.passed(), Failures: c.Failures, Wrote: c.wrote}
		if one.Failures == nil {
			one.Failures = []string{}
		}
		if j.verbose {
			one.Timeline = c.Timeline
		}
		shown.Cases = append(shown.Cases, one)
	}
	j.document.Files = append(j.document.Files, shown)
	return nil
}

func (j *jsonOutput) end(total Result) error {
	j.document.Passed, j.document.Failed = total.Passed, total.Failed
	if j.document.Files == nil {
		j.document.Files = []jsonFile{}
	}
	e := json.NewEncoder(j.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(j.document)
}

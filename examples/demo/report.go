package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// reportFormats are those in which the report is kept; the first is shown.
func reportFormats() []string { return []string{"markdown", "html", "json"} }

// report shows rollbackd's report of the incident, and keeps it in each format
// beside the demo, because its world is gone afterwards.
func (w *world) report(id string, s *screen) error {
	var shown string
	var files []string
	for _, format := range reportFormats() {
		text, err := w.command("report", id, "--format", format)
		if err != nil {
			return err
		}
		file := filepath.Join(w.options.tools, "report."+strings.Replace(format, "markdown", "md", 1))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		files = append(files, near(file))
		if shown == "" {
			shown = string(text)
		}
	}
	s.say("")
	s.say("rollbackd report " + id)
	s.say("")
	for line := range strings.Lines(shown) {
		s.say("  " + strings.TrimRight(line, "\n"))
	}
	s.say("")
	s.say("The same as a page for a browser and as JSON: " + strings.Join(files, " "))
	return nil
}

// near is a path as somebody in this directory would write it.
func near(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
		return short
	}
	return path
}

// command is what one of rollbackd's commands prints.
func (w *world) command(args ...string) ([]byte, error) {
	cmd := exec.Command(w.options.rollbackd, append(args, "--web.address", "unix:"+w.socket())...)
	var output, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &problem
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("rollbackd %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return output.Bytes(), nil
}

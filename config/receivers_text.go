package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rollbackd/rollbackd/notify"
)

// maxTemplate bounds a template.
const maxTemplate = 64 << 10

// receiverText reads the template of a receiver's messages, which may stand in a
// file of its own. A file is read here, so that a mistake in it is one of the
// configuration, and a new text counts with the next reload.
func (t *table) receiverText() string {
	file := t.str("text_file", "")
	text := t.str("text", "")
	key := "text"
	if file != "" {
		key = "text_file"
		if t.has("text") {
			t.errorf(t.key(key), "text and text_file are two places for one template: keep one")
			return ""
		}
		dir := t.dirOf(t.key(key))
		data, err := os.ReadFile(resolveFile(dir, file))
		if err != nil {
			t.errorf(t.key(key), "the template %q cannot be read: %v", file, withoutPath(err))
			return ""
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file) // as the configuration's own files are shown
		}
		text = string(data)
	}
	if len(text) > maxTemplate {
		t.errorf(t.key(key), "a template has at most %s", sizeText(maxTemplate))
		return ""
	}
	if text != "" {
		t.tryTemplate(t.key(key), file, text)
	}
	return text
}

// trial is what is wrong with a template, and the events for which it is.
type trial struct {
	err    error
	events []string
}

// tryTemplate reads a template and has it say each event's sample, so that it fails
// here and not at three in the morning.
func (t *table) tryTemplate(at *path, file, text string) {
	template, err := notify.ParseTemplate(text)
	if err != nil {
		t.templateError(at, file, trial{err: err})
		return
	}
	var trials []trial
	for _, m := range notify.Samples() {
		_, _, err := template.Say(m, m.At)
		if err == nil {
			continue
		}
		i := slices.IndexFunc(trials, func(other trial) bool { return other.err.Error() == err.Error() })
		if i < 0 {
			trials, i = append(trials, trial{err: err}), len(trials)
		}
		trials[i].events = append(trials[i].events, m.Event)
	}
	for _, one := range trials {
		t.templateError(at, file, one)
	}
}

// templateError reports a mistake at its line, which is one of the template's own
// file where it has one.
func (t *table) templateError(at *path, file string, of trial) {
	problem := of.err.Error()
	where := t.at(at, "")
	if wrong, ok := errors.AsType[*notify.TemplateError](of.err); ok && file != "" && wrong.Line > 0 {
		where.File, where.Line, problem = file, wrong.Line, wrong.Problem
	}
	where.Text = "the template cannot be used: " + problem
	switch n := len(of.events); {
	case n == len(notify.Samples()):
		where.Text += " (with every event)"
	case n > 0:
		where.Text += " (with " + strings.Join(of.events, ", ") + ")"
	}
	t.report.Errors = append(t.report.Errors, where)
}

// withoutPath is why a file cannot be read, for a sentence that names the file.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

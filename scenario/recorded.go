package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// recording is a case's timeline as a file beside the test file has it.
type recording struct {
	// name is the file's, from the test file's folder on, line where it is named.
	name string
	line int
	text string
	// missing is true where there is no such file yet.
	missing bool
}

// maxRecording bounds a recorded file: a whole year of timeline is less.
const maxRecording = 16 << 20

// readRecorded reads the key `recorded` and the file that it names.
func (r *fileReader) readRecorded(t *table) *recording {
	if !t.has("recorded") {
		return nil
	}
	name := t.needed("recorded")
	if name == "" {
		return nil
	}
	rec := &recording{name: name, line: t.findings.lines.of(keyPath(t.path, "recorded"))}
	switch {
	case !filepath.IsLocal(name):
		t.problem("recorded", "%q must be a file in this file's folder", name)
		return nil
	case filepath.Ext(name) == ".toml":
		t.problem("recorded", "%q would be taken for a test file or a configuration (try %q)", name, strings.TrimSuffix(name, ".toml")+".txt")
		return nil
	case r.recorded[filepath.Clean(name)]:
		t.problem("recorded", "another case is recorded in %q", name)
		return nil
	}
	r.recorded[filepath.Clean(name)] = true
	text, err := readBeside(r.file.Path, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		rec.missing = true
	case err != nil:
		t.problem("recorded", "%v", err)
	}
	rec.text = strings.ReplaceAll(text, "\r\n", "\n")
	return rec
}

// readBeside reads a file in the folder of a test file. No link leads out of it.
func readBeside(path, name string) (string, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }() // it was only a way to the file
	if info, err := root.Stat(name); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() || info.Size() > maxRecording {
		return "", fmt.Errorf("%q is not a file of at most %d MiB", name, maxRecording>>20)
	}
	text, err := root.ReadFile(name)
	return string(text), err
}

// recordedText is a timeline as it is recorded.
func recordedText(timeline []string) string { return strings.Join(timeline, "\n") + "\n" }

// difference is how a timeline differs from what is recorded; empty where it
// does not.
func (rec *recording) difference(path string, timeline []string) string {
	switch text := recordedText(timeline); {
	case rec.missing:
		return fmt.Sprintf("%s:%d: recorded: there is no file %q yet (rollbackd test --update writes it)", path, rec.line, rec.name)
	case text != rec.text:
		return fmt.Sprintf("%s:%d: the timeline is not the recorded one (- %s, + this run; rollbackd test --update records this one):\n%s",
			path, rec.line, rec.name, indent(lineDiff(rec.text, text)))
	}
	return ""
}

// write puts a timeline in the place of what was recorded, and tells the file's
// name. Nothing outside of the test file's folder is ever written.
func (rec *recording) write(path string, timeline []string) (string, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }() // it was only a way to the file
	if err := root.MkdirAll(filepath.Dir(rec.name), 0o755); err != nil {
		return "", err
	}
	if err := root.WriteFile(rec.name, []byte(recordedText(timeline)), 0o644); err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(path), rec.name), nil
}

package action_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rollbackd/rollbackd/action"
)

// A secret that begins before the tail does not show its end.
func TestTailHidesASecretAtItsEdge(t *testing.T) {
	const secret = "canary-0123456789"
	w := newWorld(t, action.Options{Mask: func(s string) string { return strings.ReplaceAll(s, secret, "*") }})
	if err := os.MkdirAll(w.attemptDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	for shift := range len(secret) {
		write(t, filepath.Join(w.attemptDir(), "output"), secret+strings.Repeat("x", 4096-shift))
		if got := w.Tail(request(nil)); strings.ContainsAny(got, "canry0123456789-") {
			t.Errorf("with the edge %d bytes before its end the tail begins with %.20q", shift, got)
		}
	}
}

// Whatever a program writes, its tail can be printed and journalled.
func FuzzTail(f *testing.F) {
	for _, seed := range []string{"a\x1b[31mb", "\x1b]0;t\x07x", "\x1b]8;;u\x1b\\x", "\xff\x00\r\n\r", "\x1b", "\x1b[", "\u202e\u0085", "\x1b[\n", strings.Repeat("\u00fc", 5000)} {
		f.Add(seed)
	}
	dir := f.TempDir()
	runner := action.NewRunner(action.Options{Dir: dir})
	attempt := filepath.Join(dir, "run-1", "steps-0-1")
	if err := os.MkdirAll(attempt, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		write(t, filepath.Join(attempt, "output"), text)
		got := runner.Tail(request(nil))
		if len(got) > 4096 || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %t", len(got), utf8.ValidString(got))
		}
		for _, c := range got {
			if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
				t.Errorf("%q holds %U", got, c)
			}
		}
	})
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScreenWritesInTheOrderOfHappening(t *testing.T) {
	var out strings.Builder
	began := time.Unix(1_800_000_000, 0)
	s := &screen{out: &out, began: began}
	s.event(began.Add(2*time.Second), red, "later", "two\nlines")
	s.event(began.Add(1500*time.Millisecond), plain, "sooner", "one")
	s.event(began.Add(2*time.Second), plain, "same", "after the first of its time")
	s.event(began.Add(-time.Minute), plain, "before", "never less than zero")
	s.say("done")
	want := strings.Join([]string{
		"   0.0s  before     never less than zero",
		"   1.5s  sooner     one",
		"   2.0s  later      two; lines",
		"   2.0s  same       after the first of its time",
		"done", "",
	}, "\n")
	if out.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", out.String(), want)
	}
	s.flush()
	if out.String() != want {
		t.Errorf("a second flush wrote again:\n%s", out.String())
	}
}

func TestScreenTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("old\n", 50)+strings.Repeat("new\n", tailLines)), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := &screen{out: &out}
	s.tail("the end", path)
	if got := strings.Count(out.String(), "  | new\n"); got != tailLines || strings.Contains(out.String(), "old") {
		t.Errorf("%d of %d last lines shown:\n%s", got, tailLines, out.String())
	}
}

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// read parses a file of testdata under its bare name, so that goldens do not
// depend on where they are read from.
func read(t *testing.T, file string) (*config.Config, config.Report) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return config.Parse(filepath.Base(file), data)
}

// golden compares text with a file; UPDATE_GOLDEN=1 writes it instead.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func errorText(r config.Report) string {
	var b strings.Builder
	for _, p := range r.Errors {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// Each file of testdata/bad has one mistake, which its name says; five-mistakes
// has five.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 45 {
		t.Fatalf("%d files in testdata/bad, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		t.Run(name, func(t *testing.T) {
			c, report := read(t, file)
			if c != nil {
				t.Error("a configuration came back beside errors")
			}
			want := 1
			if name == "five-mistakes" {
				want = 5
			}
			if len(report.Errors) != want {
				t.Errorf("%d errors, want %d", len(report.Errors), want)
			}
			text := errorText(report)
			if strings.Contains(text, "hunter2") {
				t.Errorf("the secret is printed: %s", text)
			}
			if strings.HasSuffix(name, "-later") && !strings.Contains(text, "not implemented in this version") {
				t.Errorf("does not say that it is not implemented: %s", text)
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".txt", text)
		})
	}
}

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCountRead(t *testing.T) {
	stream := strings.Join([]string{
		`{"Action":"start","Package":"p"}`,
		`{"Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: noise\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestB/x","Output":"=== RUN   TestB/x\n"}`,
		`{"Action":"output","Package":"p","Test":"TestB/x","Output":"    b_test.go:2: got 1, want 2\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestB/x"}`,
		`{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: no prometheus here\n"}`,
		`{"Action":"output","Package":"p","Test":"TestC","Output":"--- SKIP: TestC (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestC"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}`,
		`{"Action":"fail","Package":"p"}`,
		`{"ImportPath":"q","Action":"build-output","Output":"q/q.go:1:1: syntax error\n"}`,
		`go: cannot find main module`,
	}, "\n")
	var out strings.Builder
	var got count
	if err := got.read(strings.NewReader(stream), &out); err != nil {
		t.Fatal(err)
	}
	want := count{
		passed: 1, failed: []string{"p.TestB/x", "p"}, skipped: []string{"p.TestC (c_test.go:3: no prometheus here)"},
		why: map[string][]string{"p.TestB/x": {"    b_test.go:2: got 1, want 2\n"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(count{})); diff != "" {
		t.Errorf("count (-want +got):\n%s", diff)
	}
	wantOut := "    b_test.go:2: got 1, want 2\nFAIL\tp\t0.1s\nq/q.go:1:1: syntax error\ngo: cannot find main module\n"
	if diff := cmp.Diff(wantOut, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// TestClosingLinesSayWhy has a test whose one error is followed by a long log,
// so long that who sees only the end of a run would see the log and not the error.
func TestClosingLinesSayWhy(t *testing.T) {
	var stream strings.Builder
	stream.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: got 1, want 2\n"}` + "\n")
	stream.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"    world.go:9: the daemon's log:\n"}` + "\n")
	for range 100 {
		stream.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"        level=info\n"}` + "\n")
	}
	stream.WriteString(`{"Action":"fail","Package":"p","Test":"TestA"}` + "\n")
	var got count
	if err := got.read(strings.NewReader(stream.String()), io.Discard); err != nil {
		t.Fatal(err)
	}
	var closing strings.Builder
	got.print(&closing)
	want := "\nfailed:  p.TestA\n    a_test.go:7: got 1, want 2\n    world.go:9: the daemon's log:\n" +
		"0 passed, 1 failed, 0 skipped (subtests count as tests, a failed package as one)\n"
	if diff := cmp.Diff(want, closing.String()); diff != "" {
		t.Errorf("closing lines (-want +got):\n%s", diff)
	}
}

func TestRunExitCode(t *testing.T) {
	tests := []struct {
		name string
		test string
		rule skipRule
		want int
	}{
		{name: "passes", test: "", want: 0},
		{name: "fails", test: `t.Fatal("no")`, want: 1},
		{name: "does not build", test: `nonsense`, want: 1},
		{name: "a skip is named only", test: `t.Run("x", func(t *testing.T) { t.Skip("gone") })`, want: 0},
		{name: "a skip where none may be", test: `t.Run("x", func(t *testing.T) { t.Skip("gone") })`, rule: skipsForbidden, want: 1},
		{name: "nothing but a skip shows nothing", test: `t.Skip("gone")`, want: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "go.mod"), "module example.com/m\n\ngo 1.26\n")
			write(t, filepath.Join(dir, "m_test.go"), "package m\n\nimport \"testing\"\n\nfunc TestM(t *testing.T) { "+tt.test+" }\n")
			var out strings.Builder
			if got := run(t.Context(), &out, []string{dir}, tt.rule); got != tt.want {
				t.Errorf("exit code %d, want %d; output:\n%s", got, tt.want, out.String())
			}
			if !strings.Contains(out.String(), " passed, ") {
				t.Errorf("no closing count in:\n%s", out.String())
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

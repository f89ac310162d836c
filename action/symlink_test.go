package action_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

// releases is a directory with releases/v1, releases/v2 and current -> v2.
func releases(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range []string{"v1", "v2"} {
		if err := os.MkdirAll(filepath.Join(dir, "releases", v), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link(t, filepath.Join(dir, "releases", "v2"), filepath.Join(dir, "current"))
	return dir
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func flip(t *testing.T, link, to string) action.Request {
	t.Helper()
	return request(mustJSON(t, action.Step{Kind: action.KindSymlink, Link: link, To: to}))
}

func TestSymlink(t *testing.T) {
	for _, tt := range []struct {
		name     string
		arrange  func(t *testing.T, dir string)
		link, to string
		want     action.Result
		after    string // where current points to; empty where it is no link
	}{
		{name: "switches", to: "/releases/v1", want: action.Result{State: action.Done, Output: "current -> "}, after: "/releases/v1"},
		{name: "is there already", to: "/releases/v2", want: action.Result{State: action.Done, Output: "already points"}, after: "/releases/v2"},
		{name: "is there already, spelled otherwise", to: "/releases//v2/", want: action.Result{State: action.Done, Output: "already points"}, after: "/releases/v2"},
		{name: "makes a link", to: "/releases/v1", want: action.Result{State: action.Done}, after: "/releases/v1", arrange: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "current")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "replaces a dangling link", to: "/releases/v1", want: action.Result{State: action.Done}, after: "/releases/v1", arrange: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "releases", "v2")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "removes leftovers", to: "/releases/v1", want: action.Result{State: action.Done}, after: "/releases/v1", arrange: func(t *testing.T, dir string) {
			t.Helper()
			link(t, "half", filepath.Join(dir, ".current.rollbackd-1"))
		}},
		{name: "refuses what is not there", to: "/releases/v0", want: action.Result{State: action.Failed, NothingChanged: true, Error: "no such file"}, after: "/releases/v2"},
		{name: "refuses a directory", to: "/releases/v1", want: action.Result{State: action.Failed, NothingChanged: true, Error: "is not a symbolic link"}, arrange: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "current")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "current"), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := releases(t)
			if tt.arrange != nil {
				tt.arrange(t, dir)
			}
			w := newWorld(t, action.Options{})
			checkResult(t, w.Run(context.Background(), flip(t, filepath.Join(dir, "current"), dir+tt.to)), tt.want)
			if got, err := os.Readlink(filepath.Join(dir, "current")); tt.after != "" && got != dir+tt.after || tt.after == "" && err == nil {
				t.Errorf("current points to %q (%v); want %q", got, err, tt.after)
			}
			if diff := cmp.Diff([]string{"current", "releases"}, names(t, dir)); diff != "" {
				t.Errorf("what is there (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSymlinkWithARelativeTarget(t *testing.T) {
	dir := releases(t)
	w := newWorld(t, action.Options{})
	req := flip(t, filepath.Join(dir, "current"), "releases/v1")
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "-> releases/v1"})
	checkResult(t, w.Run(context.Background(), req), action.Result{State: action.Done, Output: "already points"})
	if got, err := os.Readlink(filepath.Join(dir, "current")); err != nil || got != "releases/v1" {
		t.Errorf("current points to %q (%v)", got, err)
	}
}

// A rename happened or did not, so the link itself says how an attempt ended.
func TestResumeOfASymlink(t *testing.T) {
	dir := releases(t)
	current := filepath.Join(dir, "current")
	w := newWorld(t, action.Options{})
	for _, tt := range []struct {
		name, to string
		want     action.Result
	}{
		{"it happened", "v2", action.Result{State: action.Done, Output: "already points"}},
		{"it did not", "v1", action.Result{State: action.Uncertain, Interrupted: true, NothingChanged: true, Error: "the switch did not happen"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := flip(t, current, filepath.Join(dir, "releases", tt.to))
			req.Resume = true
			checkResult(t, w.Run(context.Background(), req), tt.want)
			if got, err := os.Readlink(current); err != nil || got != filepath.Join(dir, "releases", "v2") {
				t.Errorf("current was switched to %q (%v)", got, err)
			}
		})
	}
}

// A reader sees the old or the new release at every moment, never nothing.
func TestSymlinkIsAtomic(t *testing.T) {
	dir := releases(t)
	current := filepath.Join(dir, "current")
	stop, missing := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				missing <- n
				return
			default:
				if _, err := os.Stat(current); err != nil {
					n++
				}
			}
		}
	}()
	w := newWorld(t, action.Options{})
	for i := range 100 {
		to := filepath.Join(dir, "releases", []string{"v1", "v2"}[i%2])
		if res := w.Run(context.Background(), flip(t, current, to)); res.State != action.Done {
			t.Fatalf("%+v", res)
		}
	}
	close(stop)
	if n := <-missing; n != 0 {
		t.Errorf("the link was missing %d times", n)
	}
}

package version_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inbox keeps the versions that were told, as "service=version@source".
type inbox struct {
	mu   sync.Mutex
	told []string
	at   []time.Time

	censuses []string // beside each
}

func (b *inbox) Submit(in incident.Input) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := in.(incident.VersionSeen); ok {
		b.told = append(b.told, v.Service+"="+v.Version+"@"+v.Source)
		b.censuses = append(b.censuses, say(v.Census))
		b.at = append(b.at, v.At)
	}
}

// release makes releases/NAME for each name and gives the path of a link beside it.
func release(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, "releases", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "current")
}

func point(t *testing.T, link, target string) {
	t.Helper()
	if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

func TestSymlinkTargets(t *testing.T) {
	link := release(t, "v1", "v2")
	dir := filepath.Dir(link)
	plain := filepath.Join(dir, "releases", "v1")
	tests := []struct {
		name, path, target string
		want               []string
	}{
		{"absolute", link, filepath.Join(dir, "releases", "v2"), []string{"s=v2@symlink"}},
		{"relative", link, "releases/v1", []string{"s=v1@symlink"}},
		{"trailing slash", link, "releases/v1/", []string{"s=v1@symlink"}},
		{"dangling", link, "releases/v9", nil},
		{"itself", link, "current", nil},
		{"no name", link, "..", nil},
		{"a directory", plain, "", nil},
		{"nothing there", filepath.Join(dir, "nope"), "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.target != "" {
				point(t, tt.path, tt.target)
			}
			box := watch(t, version.Options{Symlinks: []version.Symlink{{Service: "s", Path: tt.path}}}, time.Second, nil)
			if diff := cmp.Diff(tt.want, box.told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// watch runs a watcher for a while, doing something after each poll.
func watch(t *testing.T, opt version.Options, d time.Duration, each func(poll int)) *inbox {
	t.Helper()
	box := &inbox{}
	synctest.Test(t, func(t *testing.T) {
		opt.Poll, opt.Sink = 10*time.Second, box
		w, err := version.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if each != nil {
			go func() {
				for i := 0; ctx.Err() == nil; i++ {
					time.Sleep(9 * time.Second)
					each(i)
					time.Sleep(time.Second)
				}
			}()
		}
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // lets the goroutine above end
	})
	return box
}

func TestAVersionIsToldFirstAndWhenItChanges(t *testing.T) {
	link := release(t, "v1", "v2")
	point(t, link, "releases/v1")
	var log bytes.Buffer
	opt := version.Options{
		Symlinks: []version.Symlink{{Service: "s", Path: link}},
		Logger:   hclog.New(&hclog.LoggerOptions{Output: &log}),
	}
	targets := []string{"releases/v1", "releases/gone", "releases/gone", "releases/v1", "releases/v2"}
	box := watch(t, opt, 75*time.Second, func(poll int) {
		if poll < len(targets) {
			point(t, link, targets[poll])
		}
	})
	if diff := cmp.Diff([]string{"s=v1@symlink", "s=v2@symlink"}, box.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	// Ticks fall at 0, 10, 20 ... seconds, the change before the one at 50.
	if got := box.at[1].Sub(box.at[0]); got != 50*time.Second {
		t.Errorf("the change was told after %v, want 50s", got)
	}
	for text, want := range map[string]int{"version is unknown": 1, "known again": 1} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, log.String())
		}
	}
}

// asker answers with one census after the other: "v1×7 v2", that of most first.
type asker struct {
	mu      sync.Mutex
	answers map[string][]string
	at      []time.Time
	labels  map[string]bool
}

func (a *asker) Census(ctx context.Context, at time.Time, query, label string) ([]incident.VersionCount, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.labels[label] = append(a.at, at), true
	left := a.answers[query]
	if len(left) == 0 {
		a.mu.Unlock()
		<-ctx.Done()
		a.mu.Lock()
		return nil, ctx.Err()
	}
	a.answers[query] = left[1:]
	if left[0] == "error" {
		return nil, errors.New("http_5xx")
	}
	var census []incident.VersionCount
	for one := range strings.FieldsSeq(left[0]) {
		version, units, counted := strings.Cut(one, "×")
		n, err := strconv.Atoi(units)
		if counted && err != nil {
			return nil, err
		}
		census = append(census, incident.VersionCount{Version: version, Units: max(n, 1)})
	}
	return census, nil
}

func TestVersionQueries(t *testing.T) {
	a := &asker{labels: map[string]bool{}, answers: map[string][]string{"q": {"v1", "v1", "", "error", "v2", "v2"}}}
	opt := version.Options{Asker: a, Queries: []version.Query{
		{Service: "hangs", Query: "hangs"}, {Service: "s", Query: "q", Label: "image"},
	}}
	box := watch(t, opt, 55*time.Second, nil)
	if diff := cmp.Diff([]string{"s=v1@version_query", "s=v2@version_query"}, box.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{"image": true, "version": true}, a.labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	for _, at := range a.at {
		if at.Unix()%10 != 0 || at.Nanosecond() != 0 {
			t.Errorf("asked for %v, want a tick", at)
		}
	}
}

func TestWhatCannotBeAVersionIsUnknown(t *testing.T) {
	link := release(t, "v1~rc1", "v 2")
	point(t, link, "releases/v1~rc1")
	var log bytes.Buffer
	a := &asker{labels: map[string]bool{}, answers: map[string][]string{"q": {"-v3", "-v3", "v3"}}}
	opt := version.Options{
		Symlinks: []version.Symlink{{Service: "s", Path: link}}, Queries: []version.Query{{Service: "q", Query: "q"}}, Asker: a,
		Logger: hclog.New(&hclog.LoggerOptions{Output: &log}),
	}
	box := watch(t, opt, 25*time.Second, func(int) { point(t, link, "releases/v 2") })
	if diff := cmp.Diff([]string{"s=v1~rc1@symlink", "q=v3@version_query"}, box.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, text := range []string{`v 2`, `-v3`} {
		if got := strings.Count(log.String(), text); got != 1 {
			t.Errorf("%q was logged %d times, want once:\n%s", text, got, log.String())
		}
	}
}

func TestNewSaysAllThatIsWrong(t *testing.T) {
	_, err := version.New(version.Options{
		Symlinks: []version.Symlink{{Service: "s"}}, Queries: []version.Query{{Service: "s", Query: "q"}},
	})
	for _, part := range []string{"poll interval", "no sink", "needs a Prometheus", "more than one version source"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want one that says %q", err, part)
		}
	}
}

func TestNothingToWatch(t *testing.T) {
	if box := watch(t, version.Options{}, time.Minute, nil); len(box.told) != 0 {
		t.Errorf("told %v, want nothing", box.told)
	}
}

// What there is to see without asking anybody is told at once, and only once.
func TestLookAtLinks(t *testing.T) {
	link := release(t, "v1")
	point(t, link, "releases/v1")
	box := &inbox{}
	a := &asker{labels: map[string]bool{}}
	w, err := version.New(version.Options{
		Symlinks: []version.Symlink{{Service: "s", Path: link}}, Queries: []version.Query{{Service: "q", Query: "q"}}, Asker: a,
		Poll: time.Second, Sink: box,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.LookAtLinks()
	w.LookAtLinks()
	if diff := cmp.Diff([]string{"s=v1@symlink"}, box.told); diff != "" || len(a.at) > 0 {
		t.Errorf("told (-want +got):\n%s\nand asked %d times, want never", diff, len(a.at))
	}
}

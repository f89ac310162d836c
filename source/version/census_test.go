package version_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/version"
)

func census(t *testing.T, answers ...string) *inbox {
	t.Helper()
	a := &asker{labels: map[string]bool{}, answers: map[string][]string{"q": answers}}
	opt := version.Options{Asker: a, Queries: []version.Query{{Service: "s", Query: "q"}}}
	return watch(t, opt, time.Duration(len(answers))*10*time.Second-5*time.Second, nil)
}

// A rollout is told unit by unit, and while two versions are level the one that
// ran before goes on running.
func TestACensusIsToldWhenItChanges(t *testing.T) {
	box := census(t, "v1×4", "v1×4", "v1×3 v2×1", "v1×2 v2×2", "error", "v1×2 v2×2", "v2×3 v1×1", "v1×2 v2×2", "v2×4")
	want := []string{"v1", "v1", "v1", "v2", "v2", "v2"}
	for i := range want {
		want[i] = "s=" + want[i] + "@version_query"
	}
	if diff := cmp.Diff(want, box.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	censuses := []string{"v1×4", "v1×3 v2×1", "v1×2 v2×2", "v2×3 v1×1", "v1×2 v2×2", "v2×4"}
	if diff := cmp.Diff(censuses, box.censuses); diff != "" {
		t.Errorf("censuses (-want +got):\n%s", diff)
	}
}

func TestWhereNoVersionLeads(t *testing.T) {
	tests := []struct {
		name    string
		answers []string
		want    []string
	}{
		{"level at first look", []string{"v1×2 v2×2"}, nil},
		{"level without the one that ran", []string{"v1×4", "v2×2 v3×2 v1×1"}, []string{"s=v1@version_query"}},
		{"nothing", []string{""}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, census(t, tt.answers...).told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// What a label holds may be anything. No unit is lost by what it is called.
func TestUnitsThatCannotBeNamed(t *testing.T) {
	many := []string{"v0×9", "-rf×2"}
	for i := range 60 {
		many = append(many, fmt.Sprintf("v1.%02d", i))
	}
	box := census(t, strings.Join(many, " "))
	if len(box.censuses) != 1 {
		t.Fatalf("told %v, want v0", box.told)
	}
	got := strings.Fields(box.censuses[0])
	if first, last := got[0], got[len(got)-1]; len(got) != 51 || first != "v0×9" || last != "?×13" {
		t.Errorf("%d entries from %s to %s, want 51 from v0×9 to ?×13", len(got), first, last)
	}
}

func TestASymlinkCountsNothing(t *testing.T) {
	link := release(t, "v1")
	point(t, link, "releases/v1")
	box := watch(t, version.Options{Symlinks: []version.Symlink{{Service: "s", Path: link}}}, time.Second, nil)
	if diff := cmp.Diff([]string{""}, box.censuses); diff != "" {
		t.Errorf("censuses (-want +got):\n%s", diff)
	}
}

// say writes a census as "v1×4 v2×1".
func say(census []incident.VersionCount) string {
	var words []string
	for _, c := range census {
		words = append(words, fmt.Sprintf("%s×%d", c.Version, c.Units))
	}
	return strings.Join(words, " ")
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/benbjohnson/clock"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/source/prom"
	"github.com/rollbackd/rollbackd/source/version"
	"github.com/rollbackd/rollbackd/wiring"
)

// VersionAnswer is which version of a service runs, and who says so.
type VersionAnswer struct {
	Service string
	// Source is the key that names it; empty where deployments are told.
	Source, Version string
	// Err is why the version is not known, and what to do about it.
	Err error
}

// targetVersion is what a plan writes for the version to go back to.
const targetVersion = "${target_version}"

// askVersions asks every version source once. What it does not show is not known
// to the daemon either, and nothing is then undone by itself.
func askVersions(ctx context.Context, p *prom.Source, c *config.Config, clk clock.Clock) ([]VersionAnswer, error) {
	o := wiring.Versions(c)
	o.Sink, o.Clock = nowhere{}, clk
	if p != nil {
		o.Asker = p
	}
	w, err := version.New(o)
	if err != nil {
		return nil, err
	}
	bounded, cancel := clk.WithTimeout(ctx, c.Prometheus.PollInterval)
	defer cancel()
	shown := map[string]version.Found{}
	for _, f := range w.Ask(bounded, clk.Now()) {
		shown[f.Service] = f
	}
	var all []VersionAnswer
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		all = append(all, versionAnswer(c.Services[name], shown[name]))
	}
	return all, nil
}

func versionAnswer(s *config.Service, f version.Found) VersionAnswer {
	a := VersionAnswer{Service: s.Name, Version: f.Version, Err: f.Err}
	switch f.Source {
	case version.SourceSymlink:
		a.Source = "deployment.symlink " + s.Deployment.Symlink
		if a.Err == nil {
			a.Err = elsewhere(s, f.Version)
		} else if !errors.Is(a.Err, fs.ErrPermission) {
			a.Err = fmt.Errorf("%w: make it lead to the release that runs, or name another link", a.Err)
		}
	case version.SourceQuery:
		a.Source = "deployment.version_query"
		if a.Err != nil && answered(a.Err) {
			a.Err = fmt.Errorf("%w: want one series an instance, or one a version with their number, whose label %s names the version; see version_query and version_label",
				a.Err, s.Deployment.VersionLabel)
		}
	}
	if a.Err != nil {
		a.Version = ""
	}
	return a
}

// answered tells whether a version_query was answered, so that its answer is what
// is wrong.
func answered(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	failed, is := errors.AsType[*prom.CensusError](err)
	return !is || failed.Answered()
}

// elsewhere is why a step that points the service's own link to a version would
// not find the versions where the link says that they are; nil when it would.
func elsewhere(s *config.Service, running string) error {
	if s.Plan == nil {
		return nil
	}
	link := s.Deployment.Symlink
	for _, step := range s.Plan.Steps {
		do := step.Do
		if do.Link != link || !strings.Contains(do.To, targetVersion) {
			continue
		}
		want := strings.ReplaceAll(do.To, targetVersion, running)
		if strings.Contains(want, "${") {
			continue // what is filled in is not known here
		}
		if !filepath.IsAbs(want) {
			want = filepath.Join(filepath.Dir(link), want)
		}
		if !sameFile(want, link) {
			return fmt.Errorf("it leads to %s, and the step %q points it to %s: the running version would be %s, which is not what the link leads to; "+
				"make the link lead to where the step looks for releases, or mend the step", pointsTo(link), step.Name, do.To, want)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// pointsTo is where a link that could be read points.
func pointsTo(link string) string {
	target, err := os.Readlink(link)
	if err != nil {
		return link
	}
	return target
}

package action

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// switchLink makes a symbolic link point to its new place: a new link is made
// beside it and renamed over it, so that at every moment the link is there and
// is either the old or the new one.
func switchLink(s Step) Result {
	if err := checkPlaces(s); err != nil {
		return notRun(err)
	}
	if res := pointsTo(s); res.State == Done {
		return res
	}
	dir, base := filepath.Split(s.Link)
	prefix := "." + base + ".rollbackd-"
	removeLeftovers(dir, prefix)
	temp := filepath.Join(dir, fmt.Sprintf("%s%d", prefix, os.Getpid()))
	if err := os.Symlink(s.To, temp); err != nil {
		return notRun(fmt.Errorf("symlink %s: making the new link beside it: %w", s.Link, err))
	}
	if err := os.Rename(temp, s.Link); err != nil {
		_ = os.Remove(temp) // a leftover is removed by the next attempt
		return notRun(fmt.Errorf("symlink %s: putting the new link in its place: %w", s.Link, err))
	}
	if err := syncDir(dir); err != nil {
		return Result{State: Uncertain, Error: fmt.Sprintf("symlink %s: it points to %s, but a power cut may undo that: %v", s.Link, s.To, err)}
	}
	return Result{State: Done, Output: fmt.Sprintf("%s -> %s", s.Link, s.To)}
}

// checkPlaces says what stands in the way of a symlink step.
func checkPlaces(s Step) error {
	var problems []error
	if _, err := os.Stat(target(s.Link, s.To)); err != nil {
		problems = append(problems, fmt.Errorf("symlink %s: what it is to point to cannot be used: %w", s.Link, err))
	}
	switch info, err := os.Lstat(s.Link); {
	case errors.Is(err, fs.ErrNotExist):
		if dir, err := os.Stat(filepath.Dir(s.Link)); err != nil || !dir.IsDir() {
			problems = append(problems, fmt.Errorf("symlink %s: its directory does not exist", s.Link))
		}
	case err != nil:
		problems = append(problems, fmt.Errorf("symlink %s: %w", s.Link, err))
	case info.Mode().Type() != fs.ModeSymlink:
		problems = append(problems, fmt.Errorf("symlink %s: is there and is not a symbolic link; it is left alone", s.Link))
	}
	return errors.Join(problems...)
}

// pointsTo tells whether the link is where the step wants it. It is the built-in
// probe of a symlink step.
func pointsTo(s Step) Result {
	now, err := os.Readlink(s.Link)
	if err != nil {
		return Result{State: Failed, Error: fmt.Sprintf("symlink %s: %v", s.Link, err)}
	}
	if target(s.Link, now) != target(s.Link, s.To) {
		return Result{State: Failed, Error: fmt.Sprintf("symlink %s points to %s", s.Link, now)}
	}
	return Result{State: Done, Output: fmt.Sprintf("%s already points to %s", s.Link, s.To)}
}

// resumeLink says how an interrupted switch ended. A rename happened or did not,
// so a link that does not point there was not touched.
func resumeLink(s Step) Result {
	res := pointsTo(s)
	if res.State == Done {
		return res
	}
	return Result{State: Uncertain, Error: res.Error + "; the switch did not happen", NothingChanged: true, Interrupted: true}
}

// target is where a link at this place with this text leads, one step far.
func target(link, text string) string {
	if filepath.IsAbs(text) {
		return filepath.Clean(text)
	}
	return filepath.Join(filepath.Dir(link), text)
}

// removeLeftovers removes the half-made links of attempts that were killed.
func removeLeftovers(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // making the new link will say why
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && e.Type() == fs.ModeSymlink {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// syncDir makes a rename in a directory survive a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

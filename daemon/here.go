package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
)

// Lack is something that a configuration needs of the machine it runs on, and that
// is not to be had here.
type Lack struct {
	// Key is the setting, or its table: "receivers.ops".
	Key     string
	Problem string
}

// Missing looks for the files and folders that a configuration names. It leaves
// nothing behind and connects to nobody. The daemon may run on another machine, or as
// another user: a lack here need not be one there.
func Missing(c *config.Config, clk clock.Clock) []Lack {
	kinds := channels{clock: clk, log: hclog.NewNullLogger(), keeper: &shelf{kept: map[string]string{}}}
	var lacks []Lack
	for _, name := range slices.Sorted(maps.Keys(c.Receivers)) {
		lacks = append(lacks, kinds.lacks(c.Receivers[name])...)
	}
	if problem := journalProblem(c.Journal.Path); problem != "" {
		lacks = append(lacks, Lack{"journal.path", problem})
	}
	if problem := folderProblem(c.Reports.Dir); c.Reports.Dir != "" && problem != "" {
		lacks = append(lacks, Lack{"report.dir", problem})
	}
	return lacks
}

// lacks are what keeps a receiver's channels from being made, or from telling
// anybody once they are.
func (c channels) lacks(r config.Receiver) (lacks []Lack) {
	add := func(problem string) {
		one := Lack{"receivers." + r.Name, strings.TrimPrefix(problem, "receivers."+r.Name+".")}
		if !slices.Contains(lacks, one) {
			lacks = append(lacks, one)
		}
	}
	if _, err := c.of(r); err != nil {
		for problem := range strings.Lines(err.Error()) {
			add(strings.TrimSpace(problem))
		}
	}
	own, clients := r.Secrets()
	for _, ref := range own {
		if ref.IsZero() {
			continue
		}
		if _, err := ref.Read(); err != nil {
			add(err.Error())
		}
	}
	for _, client := range clients {
		for _, path := range clientSecrets(client.HTTP) {
			if _, err := os.Stat(path); err != nil {
				add(err.Error())
			}
		}
	}
	return lacks
}

// journalProblem is why there could be no journal at a path; empty for no reason.
// Its folder is made where it is missing, and only that.
func journalProblem(path string) string {
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
			return path + " is a folder: name a file in it, such as " + filepath.Join(path, "journal.db")
		}
		return holds(filepath.Dir(path)) // its files stand beside it
	}
	dir := filepath.Dir(path)
	if problem := notAFolder(dir); problem != "" {
		return problem
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return holds(dir)
	}
	parent := filepath.Dir(dir)
	if problem := notAFolder(parent); problem != "" {
		return problem
	}
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		return "its folder " + dir + " cannot be made: there is no " + parent
	}
	return made(dir, parent)
}

// folderProblem is why files could not be written into a folder that is made with
// all that it stands in; empty for no reason.
func folderProblem(wanted string) string {
	dir := wanted
	for {
		_, err := os.Stat(dir)
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			break
		}
		dir = parent
	}
	if problem := notAFolder(dir); problem != "" {
		return problem
	}
	if dir == wanted {
		return holds(dir)
	}
	return made(wanted, dir)
}

// made is why a folder could not be made in one that is there.
func made(dir, in string) string {
	if problem := holds(in); problem != "" {
		return dir + " cannot be made: " + problem
	}
	return ""
}

// holds is why nothing could be made in a folder. Only trying shows it: /proc has
// every permission bit, a full disk too.
func holds(dir string) string {
	try, err := os.MkdirTemp(dir, ".rollbackd-check-")
	if err == nil {
		err = os.Remove(try)
	}
	if err != nil {
		if path, is := errors.AsType[*fs.PathError](err); is {
			err = path.Err
		}
		return fmt.Sprintf("this user can make nothing in %s: %v", dir, err)
	}
	return ""
}

// notAFolder says so of what is there and is none.
func notAFolder(path string) string {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return path + " is a file, and a folder is needed there"
		case err == nil || errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path):
			return ""
		case !errors.Is(err, syscall.ENOTDIR):
			return "" // whether it is one cannot be told
		}
	}
}

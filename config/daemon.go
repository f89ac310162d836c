package config

import (
	"path/filepath"
	"time"
)

const (
	defaultRetention  = 400 * 24 * time.Hour
	shortestRetention = 48 * time.Hour
)

// Journal is [journal].
type Journal struct {
	Path string
	// Retention is for how long after an incident the record keeps what its steps and
	// captures wrote, and samples. Everything else is kept for good.
	Retention time.Duration
	// MinFree is the free space in bytes below which people are told, Reserve
	// what is kept aside to finish an incident on a full disk.
	MinFree, Reserve int64
}

func readJournal(root *table) Journal {
	t := root.orEmpty("journal", "[journal]")
	j := Journal{
		Path:      t.beside("path"),
		Retention: t.duration("retention", defaultRetention),
		MinFree:   t.size("min_free", 64<<20),
		Reserve:   t.size("reserve", 16<<20),
	}
	if j.Path == "" {
		j.Path = "/var/lib/rollbackd/journal.db"
	}
	if j.Retention < shortestRetention {
		t.errorf(t.key("retention"), "must be at least 2d: an incident is looked after for a day once it was closed")
	}
	t.done()
	return j
}

// beside reads the name of a file of our own, relative to the configuration.
func (t *table) beside(key string) string {
	name := t.str(key, "")
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	joined := filepath.Join(t.dirOf(t.key(key)), name)
	if abs, err := filepath.Abs(joined); err == nil {
		return abs
	}
	return joined
}

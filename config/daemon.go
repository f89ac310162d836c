package config

import (
	"path/filepath"
	"time"
)

const defaultRetention = 400 * 24 * time.Hour

// Journal is [journal].
type Journal struct {
	Path string
	// Retention is how long entries are kept at least. This version deletes none.
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
	if t.has("retention") {
		t.warnf(t.key("retention"), "nothing is deleted yet in this version: the journal keeps every entry, also those that are older")
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

package config

import (
	"net"
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

// Web is [web].
type Web struct {
	// Socket is the unix socket, always served.
	Socket string
	// Listen is the TCP address that only reads; empty serves none.
	Listen string
	// ExternalURL is where people reach the page, for messages; may be empty.
	ExternalURL string
}

func readWeb(root *table) Web {
	t := root.orEmpty("web", "[web]")
	w := Web{
		Socket:      t.beside("socket"),
		Listen:      t.text("listen", "127.0.0.1:9797"),
		ExternalURL: t.url("external_url", "http", "https"),
	}
	if w.Socket == "" {
		w.Socket = "/run/rollbackd/rollbackd.sock"
	}
	if w.Listen != "" {
		if _, _, err := net.SplitHostPort(w.Listen); err != nil {
			t.errorf(t.key("listen"), "want host:port, for example \"127.0.0.1:9797\", not %q", w.Listen)
		}
	}
	t.later("config_file", "roles", "metrics")
	t.done()
	return w
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

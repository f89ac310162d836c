package web

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/rollbackd/rollbackd/web/page"
)

const (
	// pageAge is how old a drawn page may be where nothing has happened since:
	// values move with every tick, and no event tells of that.
	pageAge = time.Second
	// pagesKept is how many drawn pages are kept.
	pagesKept = 256
)

// drawnPage is a page as it was drawn.
type drawnPage struct {
	fragment page.Fragment
	etag     string
	at       time.Time
	// newest is the event that had happened by then.
	newest uint64
}

// pageCache keeps drawn pages for as long as they are true: two hundred who look
// at one page cost as much as one. The zero value is ready; it is safe for
// concurrent use.
type pageCache struct {
	mu    sync.Mutex
	byKey map[string]*pageSlot
}

// pageSlot is the place of one page. Who holds its mutex draws it, and the others
// wait for that.
type pageSlot struct {
	mu    sync.Mutex
	drawn *drawnPage
}

// get is the page under a key, drawn anew where something happened since, or
// where it is old. A page that cannot be drawn is not kept.
func (c *pageCache) get(key string, now time.Time, newest uint64, draw func() (page.Fragment, error)) (*drawnPage, error) {
	slot := c.slot(key)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if d := slot.drawn; d != nil && d.newest >= newest && now.Sub(d.at) < pageAge && !now.Before(d.at) {
		return d, nil
	}
	f, err := draw()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(f.HTML)
	slot.drawn = &drawnPage{fragment: f, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, at: now, newest: newest}
	return slot.drawn, nil
}

// slot is the place under a key. Where there are too many, all begin anew: a page
// is kept for a second, so little is lost.
func (c *pageCache) slot(key string) *pageSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slot, ok := c.byKey[key]; ok {
		return slot
	}
	if c.byKey == nil || len(c.byKey) >= pagesKept {
		c.byKey = map[string]*pageSlot{}
	}
	slot := &pageSlot{}
	c.byKey[key] = slot
	return slot
}

// newest is the number of the event that was published last; 0 for no hub.
func (h *Hub) newest() uint64 {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

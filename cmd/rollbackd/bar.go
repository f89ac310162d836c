package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/rollbackd/rollbackd/backtest"
)

// bar shows how far a backtest has come: on a terminal one line that is redrawn,
// elsewhere a line each tenth.
type bar struct {
	w      io.Writer
	redraw bool
	tenth  int
	drawn  bool
}

func newBar(w io.Writer) *bar {
	file, is := w.(*os.File)
	return &bar{w: w, redraw: is && term.IsTerminal(int(file.Fd()))}
}

const barWidth = 30

// show draws the present state.
func (b *bar) show(p backtest.Progress) {
	text := fmt.Sprintf("%d of %d pages, up to %s; %d queries sent, %d parts from the cache",
		p.Done, p.Pages, p.Until.UTC().Format("2006-01-02 15:04Z"), p.Queries, p.FromCache)
	if b.redraw {
		full := barWidth * p.Done / p.Pages
		_, _ = fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), text)
		b.drawn = true
		return
	}
	if tenth := 10 * p.Done / p.Pages; tenth > b.tenth {
		b.tenth = tenth
		_, _ = fmt.Fprintln(b.w, text)
	}
}

// end takes the redrawn line away.
func (b *bar) end() {
	if b.drawn {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
	}
}

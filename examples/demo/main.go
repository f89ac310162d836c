// Command demo shows rollbackd at work on one machine: it starts a NATS server,
// a small service with traffic on it, a Prometheus if there is one, and the real
// rollbackd; then it deploys a bad release and shows how that is undone.
//
// It exits 0 only if the service answers as the old version again and the
// incident was closed as rolled back. Everything it starts listens on 127.0.0.1
// and is ended when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// limit bounds the whole demo. It takes about a minute.
const limit = 3 * time.Minute

func main() {
	var o options
	flag.StringVar(&o.rollbackd, "rollbackd", "bin/rollbackd", "the rollbackd to show")
	flag.StringVar(&o.prometheus, "prometheus", "auto", `a Prometheus to use: "auto" takes the one on the path, "none" goes without`)
	flag.BoolVar(&o.keep, "keep", false, "stay up after the rollback and say what can be tried")
	flag.Parse()
	os.Exit(run(o))
}

// options are the demo's flags.
type options struct {
	rollbackd  string
	prometheus string
	keep       bool
	// tools is the directory that holds the built shop and shopctl.
	tools string
}

// run plays the demo and turns how it went into an exit code: 0 shown, 1 not
// shown, 130 interrupted.
func run(o options) int {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	screen := newScreen(os.Stdout, time.Now())
	err := show(interrupted, o, screen)
	switch {
	case err == nil:
		return 0
	case interrupted.Err() != nil:
		screen.say("")
		screen.say("interrupted; everything that was started has been ended")
		return 130
	}
	screen.say("")
	screen.say("the demo did not get there: " + err.Error())
	return 1
}

// show builds the world, plays the story and clears up, whatever happens.
func show(ctx context.Context, o options, s *screen) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o.tools = filepath.Dir(self)
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.clear()) }()

	story, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.say("rollbackd demo: a bad release, noticed and undone")
	s.say("files are in " + w.dir)
	err = play(story, w, s)
	if err != nil {
		if story.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("it took longer than %s: %w", limit, err)
		}
		if ctx.Err() == nil {
			s.tail("the end of rollbackd's log", w.path("rollbackd.log"))
		}
		return err
	}
	if o.keep {
		stay(ctx, w, s)
	}
	return nil
}

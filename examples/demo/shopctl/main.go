// Command shopctl is the demo's stand-in for systemd: it runs one shop, from
// the release that the link "current" points to.
//
//	shopctl --dir DIR restart          end the shop and start DIR/current/shop
//	shopctl --dir DIR deploy VERSION   point DIR/current at releases/VERSION, then restart
//	shopctl --dir DIR stop             end the shop
//
// DIR holds releases/, current, shop.addr (the address to serve on), shop.pid
// and shop.log. rollbackd runs `restart` as a step of its plan; the demo runs
// `deploy` as a deployer would.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "directory with releases/, current and shop.addr")
	flag.Parse()
	if err := run(*dir, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "shopctl:", err)
		os.Exit(1)
	}
}

// run does what the arguments ask for.
func run(dir string, args []string) error {
	if len(args) == 0 {
		return errors.New("say restart, deploy VERSION or stop")
	}
	switch {
	case args[0] == "restart" && len(args) == 1:
		return restart(dir)
	case args[0] == "stop" && len(args) == 1:
		return stop(dir)
	case args[0] == "deploy" && len(args) == 2:
		if err := point(dir, args[1]); err != nil {
			return err
		}
		return restart(dir)
	}
	return fmt.Errorf("do not understand %q: say restart, deploy VERSION or stop", args)
}

// point makes current lead to a release, atomically: a link of another name is
// renamed over it, so that there is no moment without one.
func point(dir, version string) error {
	release := filepath.Join(dir, "releases", version)
	if _, err := os.Stat(filepath.Join(release, "shop")); err != nil {
		return fmt.Errorf("no such release: %w", err)
	}
	next := filepath.Join(dir, "current.next")
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(release, next); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, "current"))
}

// The program detection measures how good the kinds of trigger are: how often
// each rolls a healthy version back, and how fast a bad one, at which traffic
// and under which noise. It simulates deployments and lets the real brain judge
// them, and writes the tables of docs/detection.md.
//
//	go run ./bench/detection            # the tables of docs/detection.md, in some minutes
//	go run ./bench/detection -page -    # onto the screen
//
// The same seed gives the same bytes, on any number of cores.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "detection:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was just called
	}
}

// run measures as the arguments say.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("detection", flag.ContinueOnError)
	flags.SetOutput(progress)
	p := everything()
	flags.Uint64Var(&p.seed, "seed", p.seed, "of all random numbers")
	flags.IntVar(&p.healthy, "healthy", p.healthy, "deployments of a healthy version in each cell")
	flags.IntVar(&p.faulty, "faulty", p.faulty, "deployments of each bad version in each cell")
	flags.IntVar(&p.workers, "workers", p.workers, "how many cores to use")
	flags.Func("rates", "requests a second to simulate, separated by commas (default 0.5,5,50,500)", p.parseRates)
	flags.Func("when", "a trigger to measure instead of those of the page; may be given again", p.parseWhen)
	page := flags.String("page", "docs/detection.md", "the page whose tables to write; - writes them to the screen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(p.asked) > 0 {
		p.contenders = p.asked
	}
	shown := &ticker{out: progress, clock: clock.New(), total: p.deployments()}
	shown.began = shown.clock.Now()
	all, err := p.measure(ctx, shown.show)
	if err != nil {
		return err
	}
	if *page == "-" {
		_, err := io.WriteString(out, p.tables(all))
		return err
	}
	return write(*page, p.tables(all))
}

// everything is the plan of the page.
func everything() plan {
	return plan{
		seed: 1, healthy: 4000, faulty: 200,
		noises: noises(), rates: rates(), faults: faults(), contenders: contenders(), workers: runtime.NumCPU(),
	}
}

// parseRates reads the -rates flag.
func (p *plan) parseRates(text string) error {
	p.rates = nil
	for word := range strings.SplitSeq(text, ",") {
		rate, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || math.IsNaN(rate) || rate <= 0 || rate > maxRate {
			return fmt.Errorf("%q is not a number of requests a second: want more than 0 and at most %d", word, maxRate)
		}
		p.rates = append(p.rates, rate)
	}
	return nil
}

// parseWhen reads a -when flag.
func (p *plan) parseWhen(text string) error {
	c := contender{when: text}
	if _, err := c.options(); err != nil {
		return err
	}
	p.asked = append(p.asked, c)
	return nil
}

// maxRate is far beyond where more requests make a difference.
const maxRate = 1_000_000

func write(page, tables string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := intoPage(string(old), tables)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644) //nolint:gosec // a page for everybody
}

// ticker says now and then how far it has come.
type ticker struct {
	out          io.Writer
	clock        clock.Clock
	began, shown time.Time
	total        int
}

const showEvery = 10 * time.Second

func (t *ticker) show(done int) {
	now := t.clock.Now()
	if done < t.total && now.Sub(t.shown) < showEvery {
		return
	}
	t.shown = now
	fmt.Fprintf(t.out, "%d of %d deployments, %s\n", done, t.total, now.Sub(t.began).Round(time.Second))
}

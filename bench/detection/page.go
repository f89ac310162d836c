package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The tables stand between these lines of the page. What is around them is
// written by hand.
const (
	beginMark = "<!-- detection: begin, written by make detection -->"
	endMark   = "<!-- detection: end -->"
)

// String names a fault as the page does.
func (f fault) String() string {
	switch {
	case f.gone:
		return "gone"
	case f.errors == 0:
		return "healthy"
	}
	return percent(f.errors)
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', -1, 64) + "%" }

// intoPage replaces the tables of a page.
func intoPage(page, tables string) (string, error) {
	before, rest, begins := strings.Cut(page, beginMark+"\n")
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return "", errors.New("want the lines " + beginMark + " and " + endMark + ": the tables go between them")
	}
	return before + beginMark + "\n\n" + tables + "\n" + endMark + after, nil
}

// tables writes what was measured: a table for each rate to choose from, and then
// every number by trigger.
func (p plan) tables(all results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Seed %d; %d deployments of a healthy version and %d of each bad one in every cell.\n", p.seed, p.healthy, p.faulty)
	for _, rate := range p.rates {
		fmt.Fprintf(&b, "\n### At %v requests a second\n\n%s", rate, p.glanceHeader())
		for _, c := range p.contenders {
			fmt.Fprintf(&b, "| `%s` |", c)
			for _, n := range p.noises {
				fmt.Fprintf(&b, " %s |", thousandth(p.of(all, c, setting{noise: n, rate: rate}).share()))
			}
			last := p.noises[len(p.noises)-1]
			b.WriteString(p.faultCells(all, c, setting{noise: last, rate: rate}))
		}
	}
	b.WriteString("\n### Every number\n")
	for _, c := range p.contenders {
		fmt.Fprintf(&b, "\n#### `%s`\n\n%s", c, p.detailHeader())
		for _, n := range p.noises {
			for _, rate := range p.ratesOf(c) {
				fmt.Fprintf(&b, "| %s | %s | %s |", n, p.rateWord(c, rate), falseCell(p.of(all, c, setting{noise: n, rate: rate})))
				b.WriteString(p.faultCells(all, c, setting{noise: n, rate: rate}))
			}
		}
	}
	return b.String()
}

// of is an outcome. A trigger on health alone has one for all rates.
func (p plan) of(all results, c contender, s setting) outcome {
	if c.healthAlone() {
		s.rate = p.rates[0]
	}
	return all[s][c]
}

func (p plan) ratesOf(c contender) []float64 {
	if c.healthAlone() {
		return p.rates[:1]
	}
	return p.rates
}

func (p plan) rateWord(c contender, rate float64) string {
	if c.healthAlone() {
		return "any"
	}
	return fmt.Sprint(rate)
}

// glanceHeader is the head of the tables by rate.
func (p plan) glanceHeader() string {
	columns := []string{"trigger"}
	for _, n := range p.noises {
		columns = append(columns, string(n))
	}
	return p.header(columns)
}

// detailHeader is the head of the tables by trigger.
func (p plan) detailHeader() string { return p.header([]string{"noise", "req/s", "false in 1,000"}) }

func (p plan) header(columns []string) string {
	for _, f := range p.faults {
		columns = append(columns, f.String())
	}
	return "| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)) + "\n"
}

func (p plan) faultCells(all results, c contender, s setting) string {
	var b strings.Builder
	for _, f := range p.faults {
		s.fault = f
		fmt.Fprintf(&b, " %s |", delayCell(p.of(all, c, s)))
	}
	return b.String() + "\n"
}

// falseCell is how many of a thousand healthy versions are rolled back, with the
// bounds of what longer measuring would find.
func falseCell(o outcome) string {
	low, high := o.interval95()
	return fmt.Sprintf("%s (%s–%s)", thousandth(o.share()), thousandth(low), thousandth(high))
}

// thousandth is a share in a thousand, with a decimal where it matters.
func thousandth(share float64) string {
	n := 1000 * share
	if n < 9.95 && n >= 0.05 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(math.Round(n), 'f', 0, 64)
}

// delayCell is the median and the 95th percentile of the delay, and in front the
// share that was found where that is not all.
func delayCell(o outcome) string {
	if len(o.delays) == 0 {
		return "–"
	}
	text := minutes(o.delay(0.5)) + " / " + minutes(o.delay(0.95))
	switch found := 100 * o.share(); {
	case len(o.delays) == o.deployments:
		return text
	case found > 99:
		return ">99%: " + text
	case found < 1:
		return "<1%: " + text
	default:
		return fmt.Sprintf("%.0f%%: %s", found, text)
	}
}

// minutes is a time as 2:15.
func minutes(d time.Duration) string {
	seconds := int(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

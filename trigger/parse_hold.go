package trigger

import (
	"fmt"
	"strconv"
)

// maxCount bounds N of "consecutive health failures" and M of "in N of M
// samples", and with them the memory of a window.
const maxCount = 1000

func (p *parser) hold() (Hold, *ParseError) {
	switch t := p.peek(0); {
	case t.is("for"):
		p.next++
		return p.duration()
	case t.is("in"):
		p.next++
		return p.samples()
	}
	return Hold{}, nil
}

func (p *parser) duration() (Hold, *ParseError) {
	const example = "such as 2m, 1m30s or 1h"
	t := p.peek(0)
	if t.text == "" {
		return Hold{}, p.fail(t, `a duration is missing after "for"`, example)
	}
	d, ok := parseDuration(t.text)
	if !ok {
		return Hold{}, p.fail(t, fmt.Sprintf("%q is not a duration", t.text), example)
	}
	if d <= 0 {
		return Hold{}, p.fail(t, "the duration must be more than zero", `leave "for" out to fire at once`)
	}
	p.next++
	return Hold{For: d}, nil
}

func (p *parser) samples() (Hold, *ParseError) {
	n, err := p.number("the number of breaching samples")
	if err != nil {
		return Hold{}, err
	}
	if _, err := p.words(Condition{}, "of"); err != nil {
		return Hold{}, err
	}
	whole := p.peek(0)
	m, err := p.number("the number of samples")
	if err != nil {
		return Hold{}, err
	}
	if n > m {
		return Hold{}, p.fail(whole, fmt.Sprintf("%d of %d samples can never be reached", n, m), "the first number is at most the second")
	}
	if _, err := p.words(Condition{}, "samples"); err != nil {
		return Hold{}, err
	}
	return Hold{N: n, M: m}, nil
}

// number reads a whole number from 1 to maxCount.
func (p *parser) number(what string) (int, *ParseError) {
	t := p.peek(0)
	if t.text == "" {
		return 0, p.fail(t, what+" is missing", "")
	}
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 1 || n > maxCount {
		return 0, p.fail(t, fmt.Sprintf("%s is %q", what, t.text), fmt.Sprintf("expected a whole number from 1 to %d", maxCount))
	}
	p.next++
	return n, nil
}

package trigger

import (
	"fmt"
	"strings"
)

// ParseOptions is what a `when` may refer to. With the zero value every metric
// and every variable is unknown.
type ParseOptions struct {
	// Units maps every metric that exists to its unit. NoUnit means that the
	// metric has none: it takes plain numbers, or the unit of whatever
	// quantity it is compared with.
	Units map[string]Unit
	// Vars fills ${vars.x}, by name without "vars.".
	Vars map[string]string
}

// Parse reads a `when`. Its error is a *ParseError with a column and a caret.
func Parse(when string, opt ParseOptions) (Expr, error) {
	return parse(when, opt.Vars, func(c *Condition, q quantity) (string, string) {
		return settle(c, q, opt.Units)
	}, func(metric string) (string, string) {
		return findMetric(metric, opt.Units)
	})
}

// QuantityUnits tells for each metric that a `when` compares which units its
// quantities imply, in order: Ratio for %, Seconds for a time, Bytes,
// PerSecond, and none for a plain number. Metrics need not exist, and their
// own units are not looked at: this is how the units of metrics that declare
// none are found before Parse. Its error is a *ParseError.
func QuantityUnits(when string, vars map[string]string) (map[string][]Unit, error) {
	found := map[string][]Unit{}
	_, err := parse(when, vars, func(c *Condition, q quantity) (string, string) {
		units := found[c.Metric]
		if q.unit != NoUnit {
			units = append(units, q.unit)
		}
		found[c.Metric] = units
		return "", ""
	}, func(string) (string, string) { return "", "" })
	if err != nil {
		return nil, err
	}
	return found, nil
}

// parser reads the grammar
//
//	when      = condition { "and" condition } [ hold ]
//	condition = METRIC OP QUANTITY | METRIC "absent"
//	          | N "consecutive health failures" | "health failing" | "event" NAME
//	hold      = "for" DURATION | "in" N "of" M "samples"
type parser struct {
	when   string
	filled string
	tokens []token
	next   int
	// compare settles the threshold of a comparison, known says whether a
	// metric exists. Both return a problem and a hint, empty when all is well.
	compare func(c *Condition, q quantity) (problem, hint string)
	known   func(metric string) (problem, hint string)
}

func parse(when string, vars map[string]string, compare func(*Condition, quantity) (string, string), known func(string) (string, string)) (Expr, error) {
	tokens, filled, err := lex(when, vars)
	if err != nil {
		return Expr{}, err
	}
	p := &parser{when: when, filled: filled, tokens: tokens, compare: compare, known: known}
	e, perr := p.expr()
	if perr != nil {
		return Expr{}, perr
	}
	return e, nil
}

func (p *parser) expr() (Expr, *ParseError) {
	e := Expr{Text: strings.TrimSpace(p.filled)}
	for {
		c, err := p.condition()
		if err != nil {
			return e, err
		}
		e.Conditions = append(e.Conditions, c)
		if !p.peek(0).is("and") {
			break
		}
		p.next++
	}
	hold, err := p.hold()
	if err != nil {
		return e, err
	}
	e.Hold = hold
	if p.next == len(p.tokens) {
		return e, nil
	}
	return e, p.trailing(hold)
}

// trailing explains a token after which the text should have ended.
func (p *parser) trailing(h Hold) *ParseError {
	t := p.peek(0)
	switch {
	case !h.None() && t.is("and"):
		return p.fail(t, `"and" after the hold`, "the hold comes last and applies to the whole condition")
	case !h.None():
		return p.fail(t, fmt.Sprintf("unexpected %q after the hold", t.text), "the hold is the end of a condition")
	case t.is("or") || t.is("||"):
		return p.fail(t, fmt.Sprintf("%q is not part of a condition", t.text), "write a second trigger")
	}
	words := []string{"and", "for", "in"}
	if near := Nearest(t.text, words); near != "" {
		return p.fail(t, fmt.Sprintf("unexpected %q", t.text), fmt.Sprintf("did you mean %q?", near))
	}
	return p.fail(t, fmt.Sprintf("unexpected %q", t.text), `expected "and", "for DURATION", "in N of M samples" or the end`)
}

func (p *parser) condition() (Condition, *ParseError) {
	first, second := p.peek(0), p.peek(1)
	if first.text == "" {
		return Condition{}, p.fail(first, "a condition is missing", `such as "error_rate > 1%" or "3 consecutive health failures"`)
	}
	start := p.next
	c, err := p.oneOf(first, second)
	if err != nil {
		return c, err
	}
	c.Text = p.filled[p.tokens[start].start:p.tokens[p.next-1].end]
	return c, nil
}

// oneOf chooses the form of a condition by its first two tokens. What follows
// decides before what it looks like, so that a metric may be called "health".
func (p *parser) oneOf(first, second token) (Condition, *ParseError) {
	number, _ := cutNumber(first.text)
	switch {
	case first.op:
		return Condition{}, p.fail(first, fmt.Sprintf("a metric is missing before %q", first.text), "")
	case second.op:
		return p.comparison()
	case second.is("absent"):
		return p.absent()
	case first.is("health"):
		return p.words(Condition{Kind: HealthFailing}, "health", "failing")
	case first.is("heartbeat"):
		return Condition{}, p.fail(first, `"heartbeat missing" is not implemented in this version`, "")
	case first.is("event"):
		return p.event()
	case first.is("alert"):
		return Condition{}, p.fail(first, `"alert NAME" is not implemented in this version`, "")
	case number != "":
		return p.consecutive()
	}
	if err := p.metric(first); err != nil {
		return Condition{}, err
	}
	return Condition{}, p.fail(second, fmt.Sprintf("a comparison is missing after %q", first.text), "one of > >= < <= == !=, or \"absent\"")
}

// metric refuses a word that does not name a metric.
func (p *parser) metric(t token) *ParseError {
	if t.variable {
		return p.fail(t, "a variable may stand for a number or a quantity, not for a metric", "")
	}
	if problem, hint := p.known(t.text); problem != "" {
		return p.fail(t, problem, hint)
	}
	return nil
}

func (p *parser) absent() (Condition, *ParseError) {
	t := p.peek(0)
	if err := p.metric(t); err != nil {
		return Condition{}, err
	}
	p.next += 2
	return Condition{Kind: Absent, Metric: t.text}, nil
}

func (p *parser) comparison() (Condition, *ParseError) {
	metric, op, amount := p.peek(0), p.peek(1), p.peek(2)
	if err := p.metric(metric); err != nil {
		return Condition{}, err
	}
	if err := p.checkOp(op); err != nil {
		return Condition{}, err
	}
	if amount.text == "" || amount.op {
		return Condition{}, p.fail(amount, fmt.Sprintf("a quantity is missing after %q", op.text), "such as 1%, 500ms or 10")
	}
	if p.peek(3).is("of") && p.peek(4).is("baseline") {
		return Condition{}, p.fail(p.peek(3), `"of baseline" is not implemented in this version`, "")
	}
	q, problem := parseQuantity(amount.text)
	if problem != "" {
		return Condition{}, p.fail(amount, fmt.Sprintf("%q %s", amount.text, problem), "such as 1%, 0.01, 500ms, 2m, 10/min or 64MiB")
	}
	c := Condition{Kind: Compare, Metric: metric.text, Op: Op(op.text), ThresholdText: amount.text}
	if problem, hint := p.compare(&c, q); problem != "" {
		return Condition{}, p.fail(amount, problem, hint)
	}
	p.next += 3
	return c, nil
}

func (p *parser) checkOp(t token) *ParseError {
	switch Op(t.text) {
	case Greater, GreaterOrEqual, Less, LessOrEqual, Equal, NotEqual:
		return nil
	}
	hint := "one of > >= < <= == !="
	switch t.text {
	case "=":
		hint = `did you mean "=="?`
	case "=>":
		hint = `did you mean ">="?`
	case "=<":
		hint = `did you mean "<="?`
	case "<>":
		hint = `did you mean "!="?`
	}
	return p.fail(t, fmt.Sprintf("%q is not a comparison", t.text), hint)
}

func (p *parser) consecutive() (Condition, *ParseError) {
	n, err := p.number("the number of failures")
	if err != nil {
		return Condition{}, err
	}
	last := "failures"
	if p.peek(2).is("failure") {
		last = "failure"
	}
	return p.words(Condition{Kind: ConsecutiveFailures, Count: n}, "consecutive", "health", last)
}

// words reads fixed words, one after the other.
func (p *parser) words(c Condition, words ...string) (Condition, *ParseError) {
	for _, w := range words {
		t := p.peek(0)
		if !t.is(w) {
			hint := ""
			if near := Nearest(t.text, []string{w}); near != "" {
				hint = fmt.Sprintf("did you mean %q?", w)
			}
			return c, p.fail(t, fmt.Sprintf("expected %q", w), hint)
		}
		p.next++
	}
	return c, nil
}

// peek is the token i places ahead; past the end it is empty, with the column
// behind the last.
func (p *parser) peek(i int) token {
	if p.next+i < len(p.tokens) {
		return p.tokens[p.next+i]
	}
	return token{column: len([]rune(strings.TrimRight(p.when, " \t\r\n"))) + 1}
}

func (p *parser) fail(at token, problem, hint string) *ParseError {
	return &ParseError{Column: at.column, Problem: problem, Hint: hint, When: p.when}
}

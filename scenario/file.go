package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/engine"
	"github.com/rollbackd/rollbackd/incident"
)

// Load reads a test file. Its error names every mistake in it, one a line, as
// file:line: key: problem.
func Load(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(text))
}

// Parse reads the text of a test file. The path is for messages, and for
// finding the configuration beside it.
func Parse(path, text string) (*File, error) {
	values := map[string]any{}
	if _, err := toml.Decode(text, &values); err != nil {
		if syntax, is := errors.AsType[toml.ParseError](err); is {
			return nil, fmt.Errorf("%s:%d: %s", path, syntax.Position.Line, syntax.Message)
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := &fileReader{
		file:     &File{Path: path},
		findings: &findings{file: path, lines: scanLines(text)},
		recorded: map[string]bool{},
	}
	r.read(&table{findings: r.findings, values: values})
	return r.file, r.findings.err()
}

// err is all mistakes, in the order of the file.
func (f *findings) err() error {
	slices.SortStableFunc(f.problems, func(a, b config.Problem) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, len(f.problems))
	for i, p := range f.problems {
		all[i] = errors.New(p.String())
	}
	return errors.Join(all...)
}

// fileReader reads one file.
type fileReader struct {
	file     *File
	findings *findings
	// config is the file's configuration as a plain table; nil where it could not
	// be read, or is a folder.
	config map[string]any
	whole  *setting
	// present is the configuration of the case being read, as it stands after
	// the reloads so far, and known every one it had: what one of them knows may
	// be spoken of.
	present map[string]any
	known   []setting
	// raw are the raw series of the case, and queries what its configurations
	// have asked, read when the first raw series is.
	raw     []rawSeries
	queries []engine.Query
	// recorded holds the recorded files that a case has named.
	recorded map[string]bool
}

// setting is a configuration and what the brain makes of it.
type setting struct {
	config  *config.Config
	options incident.Options
}

func (r *fileReader) read(t *table) {
	r.readConfig(t)
	cases := t.tables("case")
	if len(cases) == 0 {
		t.findings.add("", "there is no [[case]]")
	}
	seen := map[string]bool{}
	for _, ct := range cases {
		c := r.readCase(ct)
		if seen[c.Name] && c.Name != "" {
			ct.problem("name", "there are two cases %q", c.Name)
		}
		seen[c.Name] = true
		r.file.Cases = append(r.file.Cases, c)
	}
	t.finish()
}

// readConfig reads the configuration: a file beside this one, or [inline].
func (r *fileReader) readConfig(t *table) {
	t.exactlyOne("config", "inline")
	name := t.text("config")
	inline, isInline := t.table("inline")
	switch {
	case isInline:
		r.config = inline.values
		r.whole = r.use(r.config, func(key, text string) { r.findings.add(join(inline.path, key), "%s", text) })
	case name != "":
		r.loadConfig(t, name)
	}
}

func (r *fileReader) loadConfig(t *table, name string) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(r.file.Path), name)
	}
	c, report := config.Load(name)
	if err := report.Err(); err != nil {
		t.problem("config", "%s", indented(err))
		return
	}
	r.whole = &setting{config: c, options: c.BrainOptions()}
	// A case lays its tables over those of a single file; a folder has none.
	r.config = map[string]any{}
	if _, err := toml.DecodeFile(name, &r.config); err != nil {
		r.config = nil
	}
}

// use reads a plain table as a configuration; nil where it has mistakes.
func (r *fileReader) use(values map[string]any, report func(key, text string)) *setting {
	c, found := config.FromTable(values, r.file.Path)
	for _, p := range found.Errors {
		report(p.Key, p.Text)
	}
	if found.Err() != nil {
		return nil
	}
	return &setting{config: c, options: c.BrainOptions()}
}

// overlay lays a table over the configuration of the case being read.
func (r *fileReader) overlay(t *table) *setting {
	if r.present == nil {
		if r.whole != nil {
			t.findings.add(t.path, "needs a configuration that is one file")
		}
		return nil
	}
	r.present = overlaid(r.present, t.values)
	s := r.use(r.present, func(key, text string) { t.findings.add(t.path, "%s: %s", key, text) })
	if s != nil {
		r.known = append(r.known, *s)
	}
	return s
}

func join(path, key string) string {
	if key == "" {
		return path
	}
	return path + "." + key
}

func indented(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "\n    ")
}

// readCase reads one [[case]].
func (r *fileReader) readCase(t *table) *Case {
	c := &Case{Name: t.needed("name"), Line: t.line(), steps: map[string]behaviour{}}
	c.Side = t.word("side", Sides()...)
	r.begin(t, c)
	interval, ok := t.duration("interval")
	switch {
	case ok && interval <= 0:
		t.problem("interval", "must be longer than zero")
	case !ok && len(r.known) > 0:
		interval = c.setting.options.Poll
	}
	if interval <= 0 {
		interval = time.Second // wrong already, and reported
	}
	// Events first: a reload may bring what the rest speaks of.
	c.events = r.readEvents(t)
	c.values = r.readValues(t, "values", interval)
	r.raw = r.readRaw(t, interval)
	r.checkHidden(t, c.values)
	c.raw = r.raw
	if steps, ok := t.table("steps"); ok {
		r.readSteps(steps, c, interval)
	}
	for _, ft := range t.tables("faults") {
		c.faults = append(c.faults, r.readFault(ft))
	}
	for _, et := range t.tables("expect") {
		c.expects = append(c.expects, r.readExpect(et)...)
	}
	c.recorded = r.readRecorded(t)
	if standing := t.boolean("standing"); len(c.expects) == 0 && !standing && c.recorded == nil {
		t.findings.add(t.path, "the case expects nothing (write a [[case.expect]], recorded or standing = true)")
	}
	c.Until = r.readUntil(t, c)
	if c.hasRaw() && c.Until/interval > maxRaw {
		t.problem("series", "more than %d samples a series (a shorter until, or a longer interval)", maxRaw)
	}
	t.finish()
	return c
}

// begin gives a case its configuration: the file's, with its own laid over.
func (r *fileReader) begin(t *table, c *Case) {
	r.present, r.known = r.config, nil
	r.raw, r.queries = nil, nil
	if r.whole != nil {
		c.setting = *r.whole
	}
	own, has := t.table("config")
	if has {
		if s := r.overlay(own); s != nil {
			c.setting = *s
		}
		return
	}
	if r.whole != nil {
		r.known = []setting{*r.whole}
	}
}

// maxUntil bounds how long a case can be: a year.
const maxUntil = 366 * 24 * time.Hour

// readUntil is the end of the case: what it says, else the last value, event or
// expectation in it.
func (r *fileReader) readUntil(t *table, c *Case) time.Duration {
	var last time.Duration
	for _, s := range c.values {
		last = max(last, min(s.length()-s.interval, maxUntil))
	}
	for _, s := range c.raw {
		last = max(last, min(s.length()-s.interval, maxUntil))
	}
	for _, e := range c.events {
		last = max(last, e.at)
	}
	for _, e := range c.expects {
		last = max(last, e.time)
	}
	until, written := t.duration("until")
	if !written {
		r.checkEnd(c, last, "without until, at its last value, event or expectation")
		return last
	}
	if until > maxUntil {
		t.problem("until", "a case can last a year at most")
	}
	r.checkEnd(c, until, fmt.Sprintf("until = %q", t.values["until"]))
	return min(until, maxUntil)
}

// checkEnd reports what would never come because the case has ended before. Of a
// health event that is repeated the first check must come.
func (r *fileReader) checkEnd(c *Case, until time.Duration, says string) {
	never := func(line int, what string, at time.Duration) {
		if at > until {
			r.findings.problems = append(r.findings.problems, config.Problem{
				File: r.file.Path, Line: line, Text: fmt.Sprintf("the %s is for %s, after the case has ended (%s)", what, span(at), says),
			})
		}
	}
	for _, e := range c.events {
		never(e.line, "event", e.at-e.repeated)
	}
	for _, f := range c.faults {
		never(f.line, "fault", f.from)
	}
	for _, e := range c.expects {
		never(e.line, "expectation", e.time)
	}
}

// span is a duration as a test file has it.
func span(d time.Duration) string { return model.Duration(d).String() }

// readValues reads a table of series by "metric service".
func (r *fileReader) readValues(t *table, key string, interval time.Duration) map[seriesKey]series {
	vt, ok := t.table(key)
	if !ok {
		return map[seriesKey]series{}
	}
	return r.valuesOf(vt, interval)
}

// valuesOf reads a table of series by "metric service".
func (r *fileReader) valuesOf(vt *table, interval time.Duration) map[seriesKey]series {
	values := map[seriesKey]series{}
	for _, name := range sortedKeys(vt.values) {
		text := vt.text(name)
		parsed, err := parseSeries(text, interval)
		vt.problems(name, err)
		if sk, ok := r.seriesKey(vt, name); ok {
			values[sk] = parsed
		}
	}
	return values
}

// holdWhenKey is what a test file calls the answer of [guards] hold_when.
const holdWhenKey = "hold_when"

// seriesKey reads "error_rate checkout", "error_rate.total checkout" or "hold_when".
func (r *fileReader) seriesKey(t *table, name string) (seriesKey, bool) {
	if name == holdWhenKey {
		if asked := func(s setting) bool { return s.options.Guards.HoldWhen }; len(r.known) > 0 && !slices.ContainsFunc(r.known, asked) {
			t.problem(name, "the configuration has no [guards] hold_when")
		}
		return seriesKey{metric: incident.HoldWhenMetric}, true
	}
	words := strings.Fields(name)
	if strings.Contains(name, "{") {
		t.problem(name, "raw series stand in [case.series]")
		return seriesKey{}, false
	}
	if len(words) != 2 {
		t.problem(name, `want a metric and a service: "error_rate checkout"`)
		return seriesKey{}, false
	}
	key := seriesKey{metric: words[0], service: words[1]}
	if len(r.known) == 0 {
		return key, true
	}
	metrics := r.names(func(s setting) []string { return sortedKeys(s.config.Metrics) })
	if m, isTotal := strings.CutSuffix(key.metric, ".total"); isTotal && !slices.Contains(metrics, key.metric) {
		key.metric, key.total = m, true
	}
	if !slices.Contains(metrics, key.metric) {
		t.problem(name, "unknown metric %q%s", key.metric, suggestion(key.metric, metrics))
		return key, false
	}
	return key, r.checkService(t, name, key.service)
}

// names are the names of some kind that any configuration of the case knows.
func (r *fileReader) names(of func(setting) []string) []string {
	var names []string
	for _, s := range r.known {
		names = append(names, of(s)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkService reports a service that is not configured.
func (r *fileReader) checkService(t *table, key, service string) bool {
	names := r.names(func(s setting) []string { return sortedKeys(s.options.Services) })
	if len(r.known) == 0 || service == "" || slices.Contains(names, service) {
		return true
	}
	t.problem(key, "unknown service %q%s", service, suggestion(service, names))
	return false
}

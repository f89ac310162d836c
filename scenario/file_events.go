package scenario

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// eventKinds are what an event can be.
func eventKinds() []string {
	return []string{"deployed", "deploying", "running", "health", "signal", "command", "rehearsed", "restart", "reload", "clock", "suspend"}
}

// readEvents reads the [[case.events]], in the order of time.
func (r *fileReader) readEvents(t *table) []event {
	var events []event
	for i, et := range t.tables("events") {
		e := event{line: et.line()}
		e.at, _ = et.duration("at")
		if !et.has("at") {
			et.findings.add(et.path, "at is missing")
		}
		et.exactlyOne(eventKinds()...)
		events = append(events, r.readEvent(et, e, i)...)
		et.finish()
	}
	inOrder(events)
	return events
}

func (r *fileReader) readEvent(t *table, e event, i int) []event {
	if d, ok := t.table("deployed"); ok {
		e.deployed = r.readDeployed(d)
		return []event{e}
	}
	if d, ok := t.table("deploying"); ok {
		e.deployed = r.readDeployed(d)
		e.deployed.Rolling = true
		return []event{e}
	}
	if d, ok := t.table("running"); ok {
		e.running = &runningEvent{service: r.service(d), shown: shown{version: d.needed("version"), census: readCensus(d)}}
		d.finish()
		return []event{e}
	}
	if h, ok := t.table("health"); ok {
		return r.readHealth(h, e)
	}
	if s, ok := t.table("signal"); ok {
		e.signal = r.readSignal(s)
		return []event{e}
	}
	if c, ok := t.table("command"); ok {
		e.command = r.readCommand(c, "cmd-"+strconv.Itoa(i+1))
		return []event{e}
	}
	if d, ok := t.table("rehearsed"); ok {
		e.rehearsed = r.readRehearsed(d, "rehearsal-"+strconv.Itoa(i+1))
		return []event{e}
	}
	if d, ok := t.table("restart"); ok {
		e.restart = &restartEvent{}
		e.restart.down, _ = d.duration("down")
		e.restart.after, _ = d.integer("after_entries", 1)
		d.finish()
		return []event{e}
	}
	if d, ok := t.table("reload"); ok {
		if e.reload = r.readReload(d, t.boolean("refused")); e.reload != nil {
			return []event{e}
		}
		return nil
	}
	return readHost(t, e)
}

// readHost reads what happens to the host that the daemon runs on.
func readHost(t *table, e event) []event {
	if d, ok := t.table("clock"); ok {
		e.clock = &clockEvent{by: d.signedDuration("by")}
		d.finish()
		return []event{e}
	}
	if d, ok := t.table("suspend"); ok {
		e.suspend = &suspendEvent{}
		e.suspend.length, _ = d.duration("for")
		if !d.has("for") {
			d.findings.add(d.path, "for is missing: how long is the host suspended?")
		}
		d.finish()
		return []event{e}
	}
	return nil
}

// readCensus reads how many units run which version, in the order of versions;
// nil where it is not there.
func readCensus(t *table) []incident.VersionCount {
	ct, ok := t.table("census")
	if !ok {
		return nil
	}
	census := []incident.VersionCount{}
	for _, version := range sortedKeys(ct.values) {
		if n, ok := ct.integer(version, 0); ok {
			census = append(census, incident.VersionCount{Version: version, Units: n})
		}
	}
	if len(ct.values) == 0 {
		t.problem("census", "names no version (%s)", "census = { v1 = 7, v2 = 1 }")
	}
	return census
}

// service reads the service that an event is about.
func (r *fileReader) service(t *table) string {
	name := t.needed("service")
	r.checkService(t, "service", name)
	return name
}

func (r *fileReader) readDeployed(t *table) *deployedEvent {
	e := &deployedEvent{Deployed: incident.Deployed{
		Service: r.service(t), Version: t.needed("version"), Previous: t.text("previous"), By: t.text("by"), URL: t.text("url"),
		Change: t.text("change"), NoAutoRollback: t.boolean("no_auto_rollback"), Rolling: t.boolean("rolling"), Source: "nats",
	}}
	if source := t.word("source", "nats", "api", "command"); source != "" {
		e.Source = source
	}
	e.startedAt, e.hasStartedAt = t.duration("started_at")
	t.finish()
	return e
}

// maxRepeat bounds the checks that one health event may stand for.
const maxRepeat = 100_000

// readHealth reads one health event, or several of the same kind: with a
// sequence number each one has the next.
func (r *fileReader) readHealth(t *table, e event) []event {
	h := healthEvent{
		service: r.service(t), instance: t.needed("instance"), boot: t.text("boot"), version: t.text("version"), status: t.needed("status"),
	}
	seq, hasSeq := t.integer("seq", 0)
	h.ttl, _ = t.duration("ttl")
	repeat, repeated := t.integer("repeat", 1)
	every, hasEvery := t.duration("every")
	switch {
	case !repeated:
		repeat = 1
		if hasEvery {
			t.problem("every", "says how far apart repeated checks are; write repeat too")
		}
	case repeat > maxRepeat:
		t.problem("repeat", "at most %d", maxRepeat)
		repeat = 1
	case !hasEvery && repeat > 1:
		t.findings.add(t.path, "every is missing: how far apart are the %d checks?", repeat)
	}
	t.finish()
	events := make([]event, repeat)
	for i := range events {
		check := h
		if hasSeq {
			check.seq = uint64(max(0, seq+i))
		}
		after := time.Duration(i) * every
		events[i] = event{at: e.at + after, repeated: after, line: e.line, health: &check}
	}
	return events
}

// verbs are those of the command line that the brain answers.
func verbs() []string {
	return []string{"rollback", "approve", "veto", "abort", "ack", "close", "pause", "resume", "lock", "unlock", "pardon"}
}

func (r *fileReader) readCommand(t *table, id string) *commandEvent {
	c := incident.Command{
		ID: id, Verb: t.needed("verb"), Service: t.text("service"), Incident: t.text("incident"), All: t.boolean("all"),
		Actor: t.text("by"), Reason: t.text("reason"), To: t.text("to"), Unseen: t.boolean("unseen"), Version: t.text("version"), ExternalID: t.text("incident_id"),
		Scope: t.text("scope"), Rehearses: t.text("rehearses"), Plan: t.text("plan"), BreakGlass: t.boolean("break_glass"),
	}
	who := t.speaker()
	switch {
	case slices.Contains([]string{"deploying", "deployed", "signal"}, c.Verb):
		t.problem("verb", "%q is written as an event of its own (%s = { … })", c.Verb, c.Verb)
	case c.Verb != "" && !slices.Contains(verbs(), c.Verb):
		t.problem("verb", "unknown verb %q%s", c.Verb, suggestion(c.Verb, verbs()))
	}
	r.checkService(t, "service", c.Service)
	r.checkService(t, "rehearses", c.Rehearses)
	if (c.Rehearses != "" || c.Plan != "") && c.Verb != "rollback" {
		t.problem("rehearses", "goes with verb = \"rollback\", and plan with it")
	}
	if c.Service == "" && c.Incident == "" && !c.All {
		t.findings.add(t.path, "needs a service, an incident or all = true")
	}
	c.For, _ = t.duration("for")
	if word := t.text("severity"); word != "" {
		severity, err := trigger.ParseSeverity(word)
		if err != nil {
			t.problem("severity", "%v", err)
		}
		c.Severity = severity
	}
	if c.Actor == "" {
		c.Actor = "somebody"
	}
	t.finish()
	return &commandEvent{Command: c, speaker: who}
}

// speaker reads who says something, and the roles in which they do.
func (t *table) speaker() speaker {
	s := speaker{name: t.text("by")}
	if roles, given := t.strings("roles"); given {
		s.roles = &roles
	}
	return s
}

// readReload reads a configuration that is laid over the present one, table by
// table and key by key; arrays are replaced whole. One that is to be refused must
// have a mistake, and the present one stays.
func (r *fileReader) readReload(t *table, refused bool) *reloadEvent {
	if refused {
		return r.readRefused(t)
	}
	if s := r.overlay(t); s != nil {
		return &reloadEvent{setting: *s}
	}
	return nil
}

// readRefused reads a configuration that the daemon does not take.
func (r *fileReader) readRefused(t *table) *reloadEvent {
	if r.present == nil {
		return nil // reported already, or a folder
	}
	first := ""
	s := r.use(overlaid(r.present, t.values), func(key, text string) {
		if first == "" {
			first = key + ": " + text
		}
	})
	if s != nil {
		t.findings.add(t.path, "refused = true, and the configuration has no mistake: it would be taken")
		return nil
	}
	return &reloadEvent{refused: first}
}

// overlaid is a table with another one laid over it. Neither is changed.
func overlaid(below, above map[string]any) map[string]any {
	out := maps.Clone(below)
	if out == nil {
		out = map[string]any{}
	}
	for key, v := range above {
		over, isTable := v.(map[string]any)
		under, wasTable := out[key].(map[string]any)
		if isTable && wasTable {
			v = overlaid(under, over)
		}
		out[key] = v
	}
	return out
}

// readFault reads one of [[case.faults]].
func (r *fileReader) readFault(t *table) fault {
	f := fault{line: t.line(), to: maxUntil}
	f.from, _ = t.duration("from")
	if to, ok := t.duration("to"); ok {
		if f.to = to; to <= f.from {
			t.problem("to", "must be after from (%s)", f.from)
		}
	}
	kinds := []string{"prometheus", "nats", "journal"}
	own := len(kinds)
	for _, key := range sortedKeys(t.values) {
		if name, is := cutReceiver(key); is {
			kinds = append(kinds, key)
			f.kind, f.receiver = faultReceiver, name
			t.word(key, "down")
			r.checkReceiver(t, key, name)
		}
	}
	if len(kinds) == own {
		kinds = append(kinds, "receiver.NAME") // none is there: say that there could be
	}
	t.exactlyOne(kinds...)
	if f.how = t.word("prometheus", "error", "timeout", "empty", "nan", "partial"); f.how != "" {
		f.kind = faultPrometheus
	}
	if t.word("nats", "down") != "" {
		f.kind = faultNATS
	}
	if how := t.word("journal", journalFull, journalSpent, journalFailing); how != "" {
		f.kind, f.how = faultJournal, how
	}
	t.finish()
	return f
}

func cutReceiver(key string) (name string, is bool) {
	const prefix = "receiver."
	if len(key) <= len(prefix) || key[:len(prefix)] != prefix {
		return "", false
	}
	return key[len(prefix):], true
}

func (r *fileReader) checkReceiver(t *table, key, name string) {
	names := r.names(func(s setting) []string { return sortedKeys(s.config.Receivers) })
	if len(r.known) > 0 && !slices.Contains(names, name) {
		t.problem(key, "unknown receiver %q%s", name, suggestion(name, names))
	}
}

package prom

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// span is the instants a question is asked for: count of them, step apart.
type span struct {
	from  time.Time
	step  time.Duration
	count int
}

func instant(at time.Time) span { return span{from: at, count: 1} }

func (s span) at(i int) time.Time { return s.from.Add(time.Duration(i) * s.step) }

// index is the place of t in the span, or -1.
func (s span) index(t time.Time) int {
	if s.count == 1 {
		return 0
	}
	i := int(math.Round(float64(t.Sub(s.from)) / float64(s.step)))
	if i < 0 || i >= s.count {
		return -1
	}
	return i
}

// vector is what a question gave at one instant.
type vector struct {
	// reason says why it is unusable; empty when it is not. why says it in full.
	reason, why string
	series      []series
	// others are values of the label that nobody asked for, a few.
	others []string
}

// series is one series: the value of the kept label, and its value.
type series struct {
	key   string
	value float64
}

// server is one Prometheus. One that failed is asked last for a while, so that a
// dead first choice does not cost every query half of its time.
type server struct {
	client   api.Client
	url      string
	badUntil time.Time
}

const (
	avoidFor       = time.Minute
	historyTimeout = 10 * time.Second
)

// ask asks one question at every instant of the span, and gives one vector for
// each. It tries the servers in turn, within the context and the query timeout.
func (s *Source) ask(ctx context.Context, q question, sp span) []vector {
	timeout := s.timeout(sp)
	ctx, cancel := s.clock.WithTimeout(ctx, timeout)
	defer cancel()
	order := s.order()
	var last, why string
	for i, n := range order {
		attempt, done := s.share(ctx, len(order)-i)
		vectors, reason, err := s.askServer(attempt, n, q, sp)
		done()
		if reason == "" {
			s.remember(q, sp, vectors)
			return vectors
		}
		last, why = reason, inWords(err, timeout)
		s.failed(n, q, reason, why)
		if !elsewhere(reason) || ctx.Err() != nil {
			break
		}
		s.avoid(n)
	}
	vectors := make([]vector, sp.count)
	for i := range vectors {
		vectors[i].reason, vectors[i].why = last, why
	}
	s.remember(q, sp, vectors)
	return vectors
}

// failed counts a failure and logs it: one of the server once for the server, one
// of the query once for the query.
func (s *Source) failed(n int, q question, reason, why string) {
	s.opt.Observer.Failed(sourceName, reason)
	key := q.query + q.match
	if elsewhere(reason) {
		key = s.servers[n].url
	}
	if reason != reasonCanceled && s.seldom.Allow(key+reason) {
		s.log.Warn("a query failed", "server", shownURL(s.servers[n].url), "query", q.query, "reason", reason, "err", why)
	}
}

// timeout is that of one query. History is read once, at the start, and may take
// longer than a poll.
func (s *Source) timeout(sp span) time.Duration {
	if sp.count > 1 {
		return max(s.opt.Timeout, historyTimeout)
	}
	return s.opt.Timeout
}

// readable is a timeout that Prometheus can read. The client library writes it as
// Go does, and "7.5s" is no duration to Prometheus: it answers 400. Above a second
// it is cut to whole seconds, below to whole milliseconds.
func readable(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Truncate(time.Second)
	}
	return max(d.Truncate(time.Millisecond), time.Millisecond)
}

// share gives one of n attempts its part of the time that is left.
func (s *Source) share(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || n <= 1 {
		return ctx, func() {}
	}
	return s.clock.WithTimeout(ctx, deadline.Sub(s.clock.Now())/time.Duration(n))
}

// askServer asks one server. The reason is empty when it answered; else err says
// it for people.
func (s *Source) askServer(ctx context.Context, n int, q question, sp span) (vectors []vector, reason string, err error) {
	g := &guard{Client: s.servers[n].client, http: s.http, agent: s.opt.UserAgent, trimmer: s.newTrimmer(q)}
	promAPI := v1.NewAPI(g)
	var value model.Value
	var warnings v1.Warnings
	var infos v1.Infos
	within := v1.WithTimeout(readable(s.timeout(sp)))
	if sp.count == 1 {
		value, warnings, infos, err = promAPI.Query(ctx, q.query, sp.from, within)
	} else {
		r := v1.Range{Start: sp.from, End: sp.at(sp.count - 1), Step: sp.step}
		value, warnings, infos, err = promAPI.QueryRange(ctx, q.query, r, within)
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		reason = reasonOf(err, g.status)
		if reason == reasonDecode && !g.trimmer.knownKind() {
			reason = reasonWrongType
		}
		return nil, reason, err
	}
	s.note(q, infos, "info")
	if partial := s.note(q, warnings, "warning"); partial && !s.opt.AcceptPartial {
		return nil, reasonPartial, fmt.Errorf("the answer is not whole: %s", strings.Join(warnings, "; "))
	}
	if q.by != "" && g.trimmer.series > 0 && g.trimmer.labelled == 0 {
		return nil, reasonNoLabel, noLabel(q.by, g.trimmer.names)
	}
	vectors = make([]vector, sp.count)
	if !convert(value, q, sp, vectors) {
		return nil, reasonWrongType, fmt.Errorf("the answer is a %s (want one plain series a service)", value.Type())
	}
	vectors[0].others = g.trimmer.others
	return vectors, "", nil
}

// note shows what came with an answer, and tells whether any of it says that the
// answer is not whole. Annotations of the PromQL engine do not: they are about
// the query, not about what was read.
func (s *Source) note(q question, texts []string, kind string) (partial bool) {
	for _, text := range texts {
		k := kind
		if kind == "warning" && !strings.HasPrefix(text, "PromQL") {
			k, partial = reasonPartial, true
		}
		s.opt.Observer.Noted(sourceName, k)
		if s.seldom.Allow(q.query + text) {
			s.log.Warn("an answer came with a note", "query", q.query, "kind", k, "text", text)
		}
	}
	return partial
}

// newTrimmer keeps what is used of the answer to q.
func (s *Source) newTrimmer(q question) *trimmer {
	t := &trimmer{label: q.by, maxBody: s.opt.MaxBody, maxSeries: s.opt.MaxSeries}
	if q.by != "" && !q.anyValue {
		t.wanted = func(value string) bool { return s.matches[value] }
	}
	return t
}

// convert puts the value into the vectors; false means that it is of a type that
// cannot be one series a service.
func convert(value model.Value, q question, sp span, vectors []vector) bool {
	key := func(m model.Metric) string {
		if q.match != "" {
			return q.match
		}
		return string(m[model.LabelName(q.by)])
	}
	add := func(i int, key string, v model.SampleValue) {
		vectors[i].series = append(vectors[i].series, series{key: key, value: float64(v)})
	}
	switch v := value.(type) {
	case model.Vector:
		for _, sample := range v {
			if sample.Histogram != nil || sp.count != 1 {
				return false
			}
			add(0, key(sample.Metric), sample.Value)
		}
		return true
	case model.Matrix:
		for _, stream := range v {
			if len(stream.Histograms) > 0 || sp.count == 1 {
				return false
			}
			for _, pair := range stream.Values {
				if i := sp.index(pair.Timestamp.Time()); i >= 0 {
					add(i, key(stream.Metric), pair.Value)
				}
			}
		}
		return true
	case *model.Scalar:
		// A scalar names no service, so it only answers a question about one, or
		// about none. There it is always returned: only its value can say no.
		if q.match == "" && !q.whole || sp.count != 1 {
			return false
		}
		if !q.whole || v.Value != 0 {
			add(0, q.match, v.Value)
		}
		return true
	}
	return false
}

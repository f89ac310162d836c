package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// maxSeen bounds how many names of labels, or values of one, are kept to say what
// an answer had instead of what was looked for.
const maxSeen = 5

// told is what the newest answer to a question at one instant said beyond its
// series.
type told struct {
	// why is the failure in full; empty where there was an answer.
	why string
	// others are values of the by label that are no service's.
	others []string
}

// remember keeps what an answer about one instant said, for Why. Questions about
// no service are filled in anew each time: keeping them would never end.
func (s *Source) remember(q question, sp span, vectors []vector) {
	if q.whole || sp.count != 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[q] = told{why: vectors[0].why, others: vectors[0].others}
}

// Why says in words what the reason of a metric's newest reading of a service
// means: which server refused, which label is not there, which services are. It
// asks nobody.
func (s *Source) Why(metric, service, reason string) string {
	ps := s.plans[metric].services[service]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range []question{ps.value, ps.bad, ps.total, ps.fresh} {
		if why := s.told[q].why; q.query != "" && why != "" {
			return why
		}
	}
	q := ps.value
	if q.query == "" {
		q = ps.total
	}
	switch reason {
	case reasonNoSeries:
		return s.missing(q, service)
	case reasonDuplicate:
		return fmt.Sprintf("more than one series for the service (want one: sum by (%s) (…))", orElse(q.by, "service"))
	case reasonStale:
		return fmt.Sprintf("the newest sample is older than max_gap (%v)", s.opt.MaxGap)
	case reasonNoTraffic:
		return "no traffic: total is 0"
	case reasonTimeout:
		return "no answer in time"
	}
	return reason
}

// missing is what there is in place of a service's series.
func (s *Source) missing(q question, service string) string {
	if q.by == "" {
		return "no series: the query returns nothing"
	}
	text := fmt.Sprintf("no series for %s=%q", q.by, s.match[service])
	if others := s.told[q].others; len(others) > 0 {
		return text + "; there are: " + listed(others)
	}
	return text + ", nor for any other"
}

// listed is a list that may have been cut off.
func listed(names []string) string {
	text := strings.Join(names, ", ")
	if len(names) == maxSeen {
		text += ", …"
	}
	return text
}

// noLabel says which labels there are instead of the one that was looked for.
func noLabel(by string, have []string) error {
	switch {
	case len(have) == 0:
		return fmt.Errorf("the series have no label %s, nor any other (want `sum by (%s) (...)`, or another `by`)", by, by)
	case by == "service":
		return fmt.Errorf("the series have no label %s; they have: %s (want `by = \"…\"`, or `sum by (%s) (...)`)", by, listed(have), by)
	}
	return fmt.Errorf("the series have no label %s; they have: %s", by, listed(have))
}

// labelNames are the first few names of labels, sorted.
func labelNames(labels map[string]string) []string {
	names := slices.Sorted(maps.Keys(labels))
	return slices.Clip(names[:min(len(names), maxSeen)])
}

// inWords is an error of a request as people read it: without the address, which
// may hold a secret, and the same each time, so without the ports of our own.
func inWords(err error, within time.Duration) string {
	var dns *net.DNSError
	var netErr net.Error
	asked, isURL := errors.AsType[*url.Error](err)
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the host %s is not known (%s)", dns.Name, ownPortless(dns.Err))
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Sprintf("no answer within %v", within)
	}
	if op := innermost(err); op != nil && op.Addr != nil {
		return ofConnection(op)
	}
	if !isURL {
		return err.Error()
	}
	if errors.Is(asked.Err, io.EOF) {
		return "the server closed the connection without an answer"
	}
	return inWords(asked.Err, within)
}

// innermost is the operation on the network that failed first; nil where none did.
func innermost(err error) (op *net.OpError) {
	for {
		next, ok := errors.AsType[*net.OpError](err)
		if !ok {
			return op
		}
		op, err = next, next.Err
	}
}

// ofConnection is what befell a connection, and the address that it went to.
func ofConnection(op *net.OpError) string {
	if errors.Is(op, syscall.ECONNREFUSED) {
		return "connection refused by " + op.Addr.String()
	}
	why := op.Err.Error()
	if system, ok := errors.AsType[*os.SyscallError](op.Err); ok {
		why = system.Err.Error()
	}
	return fmt.Sprintf("%s (%s)", why, op.Addr)
}

// ownPortless is the text of a failed look-up of a host without where it was asked
// from: "read udp HERE->THERE: …" names another port each time.
func ownPortless(text string) string {
	if _, there, found := strings.Cut(text, "->"); found {
		return there
	}
	return text
}

// shownURL is a server's address without what may be a secret in it.
func shownURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "?"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// The keys of a health check.
const (
	healthService = iota
	healthInstance
	healthStatus
	healthTime
	healthSeq
	healthBoot
	healthVersion
	healthTTL
	healthChecks
	healthOutput
)

func healthKey(key []byte) int {
	switch string(key) {
	case "service":
		return healthService
	case "instance":
		return healthInstance
	case "status":
		return healthStatus
	case "time":
		return healthTime
	case "seq":
		return healthSeq
	case "boot":
		return healthBoot
	case "version":
		return healthVersion
	case "ttl":
		return healthTTL
	case "checks":
		return healthChecks
	case "output":
		return healthOutput
	case "specversion", "releaseId", "serviceId":
		return keyForeign
	}
	return -1
}

// healthBody is what a health check says.
type healthBody struct {
	service  string
	instance string
	time     time.Time
	told     bool // there is a status
	check    trigger.HealthCheck
	detail   string // what the first failing part says
}

// ParseHealth reads a health check in our own JSON. The check's time is that of
// its arrival; the producer's own only decides whether it still counts. ahead
// tells that the producer's clock is in the future by more than half a minute.
// The error is a *RejectedError.
func ParseHealth(e Event, rules Rules) (h incident.Health, ahead bool, err error) {
	if e.Service != "" && !rules.Services[e.Service] {
		return h, false, reject(reasonUnknownService, printable(e.Service))
	}
	var b healthBody
	if err := body(e, healthKey, b.field); err != nil {
		return h, false, err
	}
	if h.Service, err = rules.agree(e, b.service); err != nil {
		return h, false, err
	}
	if !b.told {
		return h, false, reject(reasonMissingStatus, "")
	}
	if b.check.Instance, err = oneInstance(e.Instance, b.instance); err != nil {
		return h, false, err
	}
	b.check.At = e.At
	if b.check.Output == "" {
		b.check.Output = b.detail
	}
	h.Check = b.check
	if b.time.IsZero() {
		return h, false, nil
	}
	if rules.Window > 0 && e.At.Sub(b.time) > rules.Window {
		return h, false, reject(reasonTooOld, b.time.Format(time.RFC3339)+" is before the longest window")
	}
	ahead, err = skew(b.time, e.At)
	return h, ahead, err
}

// oneInstance settles which instance it is.
func oneInstance(subject, body string) (string, error) {
	if subject != "" && body != "" && subject != body {
		return "", reject(reasonInstanceMismatch, fmt.Sprintf("the subject says %s, the body %s", printable(subject), printable(body)))
	}
	if body == "" {
		body = subject
	}
	if body == "" {
		return "", reject(reasonMissingInstance, "")
	}
	if len(body) > maxID || strings.ContainsFunc(body, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", reject(reasonBadID, "instance is longer than 256 bytes or not printable")
	}
	return body, nil
}

func (b *healthBody) field(s *scanner, key int) (err error) {
	switch key {
	case healthService:
		b.service, err = s.id("service")
	case healthInstance:
		b.instance, err = s.id("instance")
	case healthStatus:
		b.told = true
		b.check.Status, err = s.status()
	case healthTime:
		b.time, err = s.time("time")
	case healthSeq:
		b.check.Seq, err = s.seq()
	case healthBoot:
		b.check.Boot, err = s.id("boot")
	case healthVersion:
		b.check.Version, err = s.id("version")
	case healthTTL:
		b.check.TTL, err = s.ttl()
	case healthChecks:
		b.detail, err = s.checks()
	case healthOutput:
		b.check.Output, err = s.note("output")
	}
	return err
}

// status reads a word. One that is not known is no failure of the service: it is
// a producer that speaks another language.
func (s *scanner) status() (trigger.HealthStatus, error) {
	word, err := s.typedText("status")
	if err != nil {
		return 0, err
	}
	status, known := trigger.ParseHealthStatus(string(word))
	if !known {
		return 0, reject(reasonUnknownStatus, printable(string(word)))
	}
	return status, nil
}

func (s *scanner) seq() (uint64, error) {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		if err := s.skip(); err != nil {
			return 0, err
		}
		return 0, reject(reasonBadType, "seq is not a number")
	}
	n, err := s.number()
	if err != nil {
		return 0, err
	}
	seq, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil {
		return 0, reject(reasonBadNumber, "seq is not a whole number from 0 to 2^64-1")
	}
	return seq, nil
}

func (s *scanner) ttl() (time.Duration, error) {
	text, err := s.typedText("ttl")
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < minTTL || d > maxTTL {
		return 0, reject(reasonBadTTL, printable(string(text))+` (want 1s to 24h, such as "45s")`)
	}
	return d, nil
}

// checks reads the parts of a check, and gives what the first that fails says.
func (s *scanner) checks() (string, error) {
	if s.peek() != '{' {
		if err := s.skip(); err != nil {
			return "", err
		}
		return "", reject(reasonBadType, "checks is not an object")
	}
	count, detail := 0, ""
	err := s.object(func(name []byte) error {
		if count++; count > maxChecks {
			return reject(reasonTooManyChecks, "more than 100")
		}
		if s.peek() != '{' {
			return s.skip()
		}
		status, output, err := s.part()
		if err == nil && status == trigger.HealthFail && detail == "" {
			detail = cut([]byte(strings.TrimSuffix(string(name)+": "+output, ": ")))
		}
		return err
	})
	return detail, err
}

// part reads one of checks.
func (s *scanner) part() (status trigger.HealthStatus, output string, err error) {
	err = s.object(func(key []byte) error {
		var err error
		switch string(key) {
		case "status":
			status, err = s.status()
		case "output":
			output, err = s.note("output")
		default:
			err = s.skip()
		}
		return err
	})
	return status, output, err
}

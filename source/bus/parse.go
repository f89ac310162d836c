package bus

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what one event may hold.
const (
	maxEvent  = 64 << 10
	maxID     = 256
	maxText   = 4 << 10
	maxChecks = 100
	minTTL    = time.Second
	maxTTL    = 24 * time.Hour
)

// A producer's clock may be a little ahead; one that is far ahead is wrong, and
// so is the event.
const (
	maxAhead  = 5 * time.Minute
	someAhead = 30 * time.Second
)

// Event is an event as it arrived.
type Event struct {
	// Service and Instance are what the subject names; empty where it does not.
	Service, Instance string
	// ContentType is the header of that name; empty means our own JSON.
	ContentType string
	Data        []byte
	// At is when the bus took it in, or we did. All times are judged by it.
	At time.Time
}

// Rules are what an event is checked against.
type Rules struct {
	// Services are those that are watched.
	Services map[string]bool
	// Window is how old an event may be to count. Zero means any age.
	Window time.Duration
	// Signals are, by service, the names of the signals that its triggers wait for.
	// Of a service that is not in it every name counts.
	Signals map[string]map[string]bool
}

// body reads the fields of an event in our own JSON. known gives a number for
// each key that means something; such a key may come once.
func body(e Event, known func(key []byte) int, field func(s *scanner, key int) error) error {
	if len(e.Data) > maxEvent {
		return reject(reasonTooLarge, fmt.Sprintf("%d bytes (at most %d)", len(e.Data), maxEvent))
	}
	if ct := e.ContentType; ct != "" && !strings.EqualFold(mediaType(ct), "application/json") {
		return reject(reasonUnsupported, "content type "+printable(ct))
	}
	if !utf8.Valid(e.Data) {
		return reject(reasonBadUTF8, "")
	}
	s := scanner{data: e.Data}
	var seen uint32
	err := s.object(func(key []byte) error {
		n := known(key)
		if n < 0 {
			return s.skip()
		}
		if n == keyForeign {
			return reject(reasonUnsupported, string(key)+" is of another format than ours")
		}
		if seen&(1<<n) != 0 {
			return reject(reasonDuplicateKey, string(key))
		}
		seen |= 1 << n
		if null, err := s.null(); null || err != nil {
			return err
		}
		return field(&s, n)
	})
	if err != nil {
		return err
	}
	return s.end()
}

// keyForeign marks a key by which another format is known.
const keyForeign = 31

func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(media)
}

// id reads a name: short and printable, or nothing.
func (s *scanner) id(what string) (string, error) {
	b, err := s.typedText(what)
	if err != nil {
		return "", err
	}
	v := string(b)
	if len(v) > maxID || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", reject(reasonBadID, what+" is longer than 256 bytes or not printable")
	}
	return v, nil
}

// typedText reads a string; a value of another type is an error that says so.
func (s *scanner) typedText(what string) ([]byte, error) {
	if s.peek() != '"' {
		if err := s.skip(); err != nil {
			return nil, err
		}
		return nil, reject(reasonBadType, what+" is not a string")
	}
	return s.text()
}

// note reads free text, cut to what is kept.
func (s *scanner) note(what string) (string, error) {
	b, err := s.typedText(what)
	return cut(b), err
}

// cut shortens text at the end of a character.
func cut(b []byte) string {
	if len(b) <= maxText {
		return string(b)
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return string(b[:n])
}

// time reads an RFC 3339 time.
func (s *scanner) time(what string) (time.Time, error) {
	b, err := s.typedText(what)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return time.Time{}, reject(reasonBadTime, what+" is not an RFC 3339 time")
	}
	return t.UTC(), nil
}

// agree settles who an event is about: the subject and the body say the same, or
// one of them is silent. A producer that may publish for one service must not be
// able to speak for another.
func (r Rules) agree(e Event, service string) (string, error) {
	if e.Service != "" && service != "" && e.Service != service {
		return "", reject(reasonServiceMismatch, fmt.Sprintf("the subject says %s, the body %s", printable(e.Service), printable(service)))
	}
	if service == "" {
		service = e.Service
	}
	if service == "" {
		return "", reject(reasonMissingService, "")
	}
	if !r.Services[service] {
		return "", reject(reasonUnknownService, printable(service))
	}
	return service, nil
}

// skew judges a producer's time by ours. ahead tells that it is in the future by
// more than clocks differ, and is to be taken for now.
func skew(at, now time.Time) (ahead bool, err error) {
	lead := at.Sub(now)
	if lead > maxAhead {
		return false, reject(reasonFuture, at.Format(time.RFC3339)+" is ahead of "+now.Format(time.RFC3339))
	}
	return lead > someAhead, nil
}

// printable makes text from outside fit for a log.
func printable(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

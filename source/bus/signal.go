package bus

import (
	"fmt"
	"time"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// staleAfter is how old a signal may be by its own time. What a bus held back for
// longer is about a world that has moved on.
const staleAfter = 2 * time.Minute

// The keys of a signal.
const (
	signalService = iota
	signalName
	signalSeverity
	signalTime
	signalID
	signalBy
	signalReason
)

func signalKey(key []byte) int {
	switch string(key) {
	case "service":
		return signalService
	case "name":
		return signalName
	case "severity":
		return signalSeverity
	case "time":
		return signalTime
	case "id":
		return signalID
	case "by":
		return signalBy
	case "reason":
		return signalReason
	case "specversion", "releaseId", "serviceId":
		return keyForeign
	}
	return -1
}

// signalBody is what a signal says.
type signalBody struct {
	incident.Signal
	time time.Time
	id   string
}

// ParseSignal reads a signal in our own JSON. Its time is that of its arrival; the
// producer's own only decides whether it is too old, and ahead tells that it is in
// the future by more than half a minute. id is what the producer calls this one
// signal; empty where it does not. The error is a *RejectedError.
func ParseSignal(e Event, rules Rules) (sig incident.Signal, id string, ahead bool, err error) {
	if e.Service != "" && !rules.Services[e.Service] {
		return sig, "", false, reject(reasonUnknownService, printable(e.Service))
	}
	var b signalBody
	if err := body(e, signalKey, b.field); err != nil {
		return sig, "", false, err
	}
	service, err := rules.agree(e, b.Service)
	if err != nil {
		return sig, "", false, err
	}
	if b.Name == "" {
		return sig, "", false, reject(reasonMissingName, "")
	}
	if names, listed := rules.Signals[service]; listed && !names[b.Name] {
		return sig, "", false, reject(reasonUnknownSignal, fmt.Sprintf("no trigger of %s waits for %s", printable(service), printable(b.Name)))
	}
	if !b.time.IsZero() {
		if ahead, err = skew(b.time, e.At); err != nil {
			return sig, "", false, err
		}
		if e.At.Sub(b.time) > staleAfter {
			return sig, "", false, reject(reasonStale, fmt.Sprintf("%s is more than %s ago", b.time.Format(time.RFC3339), staleAfter))
		}
	}
	b.Service, b.Source, b.At = service, sourceName, e.At
	return b.Signal, b.id, ahead, nil
}

func (b *signalBody) field(s *scanner, key int) (err error) {
	switch key {
	case signalService:
		b.Service, err = s.id("service")
	case signalName:
		b.Name, err = s.signalName()
	case signalSeverity:
		b.Severity, err = s.severity()
	case signalTime:
		b.time, err = s.time("time")
	case signalID:
		b.id, err = s.id("id")
	case signalBy:
		b.By, err = s.id("by")
	case signalReason:
		b.Reason, err = s.brief("reason")
	}
	return err
}

func (s *scanner) signalName() (string, error) {
	name, err := s.id("name")
	if err == nil && !trigger.IsSignalName(name) {
		err = reject(reasonBadID, "name: want "+trigger.SignalNameWanted)
	}
	return name, err
}

// severity reads a word. One that is not known is refused whole: what it was meant
// to be, nobody can tell.
func (s *scanner) severity() (trigger.Severity, error) {
	word, err := s.typedText("severity")
	if err != nil {
		return 0, err
	}
	severity, err := trigger.ParseSeverity(string(word))
	if err != nil {
		return 0, reject(reasonUnknownSeverity, printable(string(word)))
	}
	return severity, nil
}

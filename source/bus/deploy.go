package bus

import (
	"time"
	"unicode"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source"
)

// The keys of a deployment.
const (
	deployService = iota
	deployVersion
	deployPrevious
	deployStartedAt
	deployAt
	deployBy
	deployURL
	deployChange
	deployNoAutoRollback
	deployRolling
)

func deployKey(key []byte) int {
	switch string(key) {
	case "service":
		return deployService
	case "version":
		return deployVersion
	case "previous":
		return deployPrevious
	case "started_at":
		return deployStartedAt
	case "at":
		return deployAt
	case "by":
		return deployBy
	case "url":
		return deployURL
	case "change":
		return deployChange
	case "no_auto_rollback":
		return deployNoAutoRollback
	case "rolling":
		return deployRolling
	case "specversion", "releaseId", "serviceId":
		return keyForeign
	}
	return -1
}

// deployBody is what a deployment says.
type deployBody struct{ incident.Deployed }

// ParseDeploy reads a deployment in our own JSON. A time that is ahead of ours by
// more than half a minute becomes the time of arrival, and ahead tells so; one
// that is in the past stands, however old. The error is a *RejectedError.
func ParseDeploy(e Event, rules Rules) (d incident.Deployed, ahead bool, err error) {
	if e.Service != "" && !rules.Services[e.Service] {
		return d, false, reject(reasonUnknownService, printable(e.Service))
	}
	var b deployBody
	if err := body(e, deployKey, b.field); err != nil {
		return d, false, err
	}
	d = b.Deployed
	if d.Service, err = rules.agree(e, d.Service); err != nil {
		return incident.Deployed{}, false, err
	}
	if d.Version == "" {
		return incident.Deployed{}, false, reject(reasonMissingVersion, "")
	}
	if !source.IsVersion(d.Version) || d.Previous != "" && !source.IsVersion(d.Previous) {
		return incident.Deployed{}, false, reject(reasonBadID, "version and previous: want "+source.VersionWanted)
	}
	d.Source = sourceName
	if d.At.IsZero() {
		d.At = e.At
	}
	for _, t := range []*time.Time{&d.At, &d.StartedAt} {
		early, err := skew(*t, e.At)
		if err != nil {
			return incident.Deployed{}, false, err
		}
		if early {
			*t, ahead = e.At, true
		}
	}
	return d, ahead, nil
}

func (b *deployBody) field(s *scanner, key int) (err error) {
	switch key {
	case deployService:
		b.Service, err = s.id("service")
	case deployVersion:
		b.Version, err = s.id("version")
	case deployPrevious:
		b.Previous, err = s.id("previous")
	case deployStartedAt:
		b.StartedAt, err = s.time("started_at")
	case deployAt:
		b.At, err = s.time("at")
	case deployBy:
		b.By, err = s.id("by")
	case deployURL:
		b.URL, err = s.brief("url")
	case deployChange:
		b.Change, err = s.brief("change")
	case deployNoAutoRollback:
		b.NoAutoRollback, err = s.flag("no_auto_rollback")
	case deployRolling:
		b.Rolling, err = s.flag("rolling")
	}
	return err
}

// brief reads a text of at most as many printable characters as a name has
// bytes. What is beyond is dropped: a deployment counts whatever its notes are.
func (s *scanner) brief(what string) (string, error) {
	b, err := s.typedText(what)
	kept := make([]rune, 0, maxID)
	for _, r := range string(b) {
		if len(kept) < maxID && unicode.IsPrint(r) {
			kept = append(kept, r)
		}
	}
	return string(kept), err
}

func (s *scanner) flag(what string) (bool, error) {
	c := s.peek()
	if err := s.skip(); err != nil {
		return false, err
	}
	if c != 't' && c != 'f' {
		return false, reject(reasonBadType, what+" is not true or false")
	}
	return c == 't', nil
}

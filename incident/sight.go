package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollbackd/rollbackd/trigger"
)

// sight is what is known of the metric source's answering. It is observed, not
// journalled; that people were told is.
type sight struct {
	since  time.Time
	reason string
	lastOK time.Time
}

func newSight() sight { return sight{} }

// minBlind is how long a source must not answer before people are told.
const minBlind = 30 * time.Second

// tick takes in whether anything was answered.
func (s *sight) tick(at time.Time, answers map[string]trigger.Answer) {
	if len(answers) == 0 {
		return
	}
	reason := ""
	for _, a := range answers {
		if a.Err == "" {
			s.since, s.lastOK = time.Time{}, at
			return
		}
		if reason == "" || a.Err < reason {
			reason = a.Err // the first in order: map order must not show
		}
	}
	s.reason = reason
	if s.since.IsZero() {
		s.since = at
	}
}

// sightRule tells people once that the metric source does not answer, and
// records when it does again.
func (b *Brain) sightRule(now time.Time) []Effect {
	told, blind := b.mem.Blind[metricSource]
	switch {
	case b.sight.since.IsZero() && blind && b.sight.lastOK.After(told.Since):
		e := b.entry(now, KindSighted, "", "rollbackd", "prometheus answers again, after "+b.sight.lastOK.Sub(told.Since).String())
		e.Blind = &BlindEntry{Source: metricSource, Since: told.Since}
		return []Effect{Record{Entry: e}}
	case !b.sight.since.IsZero() && !blind && now.Sub(b.sight.since) > max(b.opts.MaxGap, minBlind):
		text := fmt.Sprintf("prometheus has not answered since %s (%s): no trigger on metrics can fire, and none counts as healthy",
			shortTime(b.sight.since), b.sight.reason)
		e := b.entry(now, KindBlind, "", "rollbackd", text)
		e.Blind = &BlindEntry{Source: metricSource, Since: b.sight.since, Reason: b.sight.reason}
		first := "HELD all services: blind, prometheus does not answer " + strings.ToUpper(b.fleetMode())
		m := &Message{
			ID: "blind/" + b.sight.since.Format(time.RFC3339), At: now, Headline: HeldHeadline, Event: "blind", Severity: trigger.High,
			FirstLine: first,
			Text:      first + "\n" + text + "\nIf you do nothing: rollbackd goes on asking.\nrollbackd status",
		}
		return []Effect{Record{Entry: e, Message: m}}
	}
	return nil
}

const metricSource = "prometheus"

func (b *Brain) fleetMode() string {
	if b.opts.Shadow {
		return "shadow"
	}
	return "live"
}

// disk tells people once that the journal's disk is nearly full, while there is
// still room to write that down.
func (b *Brain) disk(now time.Time, in Disk) []Effect {
	low := in.Free < in.MinFree
	if low == b.mem.DiskLow {
		return nil
	}
	const mib = 1 << 20
	if !low {
		return []Effect{Record{Entry: b.entry(now, KindDiskOK, "", "rollbackd", fmt.Sprintf("the journal's disk has %d MiB free again", in.Free/mib))}}
	}
	text := fmt.Sprintf("the journal's disk has %d MiB free, less than min_free (%d MiB): without a journal nothing new is begun", in.Free/mib, in.MinFree/mib)
	e := b.entry(now, KindDiskLow, "", "rollbackd", text)
	first := "WAITING FOR YOU all services: the journal's disk is nearly full " + strings.ToUpper(b.fleetMode())
	m := &Message{
		ID: "disk_low/" + now.Format(time.RFC3339), At: now, Headline: WaitingForYou, Event: "disk_low", Severity: trigger.High,
		FirstLine: first,
		Text:      first + "\n" + text + "\nIf you do nothing: what runs is finished from the reserve, and then no rollback can begin.\nrollbackd status",
	}
	return []Effect{Record{Entry: e, Message: m}}
}

// journalMessage is what people are told when the journal cannot be written.
func (b *Brain) journalMessage(now time.Time, problem string) Message {
	var breaching []string
	for _, name := range slices.Sorted(maps.Keys(b.live)) {
		if b.anyFiring(b.live[name]) {
			breaching = append(breaching, name)
		}
	}
	text := "the journal cannot be written (" + problem + "): nothing new is begun until it can"
	if len(breaching) > 0 {
		text += "; breaching now: " + listed(breaching)
	}
	first := "WAITING FOR YOU all services: the journal cannot be written " + strings.ToUpper(b.fleetMode())
	return Message{
		ID: "journal_failed/" + now.Format(time.RFC3339), At: now, Headline: WaitingForYou, Event: "journal_failed", Severity: trigger.Critical,
		FirstLine: first,
		Text:      first + "\n" + text + "\nIf you do nothing: rollbackd goes on watching and does not act.\nrollbackd status",
	}
}

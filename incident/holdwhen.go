package incident

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rollbackd/rollbackd/trigger"
)

// holdAnswer is the newest answer of [guards] hold_when. It is observed, not
// journalled: after a restart it is not known until it was asked.
type holdAnswer struct {
	at      time.Time
	reading trigger.Reading
}

// takeHoldWhen remembers a live answer, whatever read it came with.
func (b *Brain) takeHoldWhen(in Samples) {
	answer, asked := in.Answers[HoldWhenMetric]
	if !asked || in.Kind == Rebuilt || in.At.Before(b.holdWhen.at) {
		return
	}
	b.holdWhen = holdAnswer{at: in.At, reading: answer.Reading("")}
}

// holdWhenHold holds while the configured query returns anything, and while that
// is not known: what it is there to prevent cannot be ruled out then. Like a
// pause it limits what happens automatically; a person may still be asked.
func (b *Brain) holdWhenHold(now time.Time) []Hold {
	if !b.opts.Guards.HoldWhen {
		return nil
	}
	unknown := func(why string) []Hold {
		return []Hold{{GuardHoldWhen, "whether hold_when holds is not known: " + why, "its query is answered, and returns nothing"}}
	}
	r := b.holdWhen.reading
	age := now.Sub(b.holdWhen.at)
	switch {
	case b.holdWhen.at.IsZero():
		return unknown("it has not been asked yet")
	case age > b.opts.MaxGap:
		return unknown(fmt.Sprintf("the newest answer is %s old", model.Duration(age.Truncate(time.Second))))
	case r.Presence == trigger.Known:
		return []Hold{{GuardHoldWhen, fmt.Sprintf("hold_when returns %g", r.Value), "its query returns nothing"}}
	case r.Presence == trigger.Missing:
		return nil
	}
	return unknown(r.Reason)
}

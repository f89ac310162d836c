package incident

import "time"

// failAgain is how long people are left in peace about the same broken journal.
const failAgain = 10 * time.Minute

// recordFailed takes in that nothing could be made durable. Nothing is tried
// again before the next input; what was under way is held, and a person's stop
// counts from now on although it is not written down.
func (b *Brain) recordFailed(now time.Time, in RecordFailed) []Effect {
	for name, l := range b.live {
		if b.mem.service(name).Open != nil || b.anyFiring(l) {
			l.journalFailed = true
		}
	}
	for _, stop := range b.stops {
		for name := range b.mem.open {
			if run := b.mem.service(name).Open.Rollback; run != nil && run.ID == stop.Run && b.live[name] != nil {
				b.live[name].stop = &stop
			}
		}
	}
	var effects []Effect
	if b.replying != "" {
		text := "the journal cannot be written: nothing was done"
		if len(b.stops) > 0 {
			text = "the journal cannot be written: no further step begins, but the stop is lost if rollbackd is restarted"
		}
		effects = append(effects, Reply{ID: b.replying, Code: "refused", Guard: GuardJournal, Err: text})
	}
	b.replying, b.stops = "", nil
	if b.failTold.IsZero() || now.Sub(b.failTold) > failAgain {
		b.failTold = now
		effects = append(effects, Tell{Message: b.journalMessage(now, in.Err)})
	}
	return effects
}

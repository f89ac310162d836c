package journal

import (
	"errors"
	"fmt"
	"time"
)

// Trouble is why nothing new can be written.
type Trouble struct {
	// Since is the time of the first entry that was refused, or that the reserve was
	// spent on; zero where there was none yet.
	Since time.Time
	// Err is an ErrFull, which ends with free space on the disk, an ErrLost, which
	// lasts until the journal is opened again, or what else the newest entry was
	// refused for.
	Err error

	// free is what was left by then: some disks are full while they still have some.
	free uint64
}

// leastRoom is by how much the free space must have grown for a full disk to count
// as full no more before anything was written.
const leastRoom = 1 << 20

// Path is where the journal is.
func (j *Journal) Path() string { return j.path }

// Trouble tells whether an entry that begins something could not be written now, as
// far as that is known without writing one. It never waits for a write.
func (j *Journal) Trouble() (t Trouble, is bool) {
	known := j.trouble.Load()
	if known != nil && !errors.Is(known.Err, ErrFull) {
		return *known, true
	}
	if known != nil {
		free, err := j.Free()
		if err != nil || free <= uint64(max(j.options.Reserve, 0)) || free < known.free+leastRoom {
			return *known, true
		}
		j.trouble.CompareAndSwap(known, nil) // what comes next has another beginning
	}
	if j.spent.Load() && j.onlyReserveLeft() {
		return Trouble{Err: fmt.Errorf("%w: only what was the reserve is left", ErrFull)}, true
	}
	return Trouble{}, false
}

// fared takes in how an entry of a time fared; zero for something that is none. The
// first one that was refused says since when.
func (j *Journal) fared(at time.Time, err error) {
	if err == nil {
		j.trouble.Store(nil)
		return
	}
	next := Trouble{Since: at, Err: err}
	if free, unread := j.Free(); unread == nil {
		next.free = free
	}
	if known := j.trouble.Load(); known != nil && !known.Since.IsZero() {
		next.Since = known.Since
	}
	j.trouble.Store(&next)
}

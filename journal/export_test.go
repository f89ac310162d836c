package journal

import (
	"context"
	"fmt"
)

// Limit makes the database refuse to grow past its present size, as a full disk does.
func (j *Journal) Limit(ctx context.Context) error { return j.maxPages(ctx, 1) }

// Unlimit lifts what Limit did.
func (j *Journal) Unlimit(ctx context.Context) error { return j.maxPages(ctx, 1<<30) }

func (j *Journal) maxPages(ctx context.Context, n int) error {
	_, err := j.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}

// SetFree sets the space that seems to be left, in bytes.
func (j *Journal) SetFree(bytes uint64) { j.free = func() (uint64, error) { return bytes, nil } }

// AfterRelease has fn called after the reserve was given up.
func (j *Journal) AfterRelease(fn func() error) {
	release := j.release
	j.release = func() error {
		if err := release(); err != nil {
			return err
		}
		return fn()
	}
}

package web

import (
	"context"
	"time"
)

// viewsAtOnce is how many readers may wait for the brain at a time. Between two
// inputs it answers one: the others wait here, where they cost it nothing.
const viewsAtOnce = 2

// TakeTurns is a view of which at most two are in flight, whoever shares it; the
// others wait in their order, until their context ends.
func TakeTurns(view View) View {
	turns := make(chan struct{}, viewsAtOnce)
	return func(ctx context.Context, f func(m Memory, now time.Time)) error {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-turns }()
		return view(ctx, f)
	}
}

package backtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/source/prom"
)

// budget is how many queries may still be sent. It counts what really goes out:
// queries that are tried again, in halves or at a second server, too.
type budget struct {
	mu   sync.Mutex
	left int
	sent int
}

// allowance is a part of a budget that was set aside for what is about to be asked.
type allowance struct {
	mu   sync.Mutex
	left int
}

type allowanceKey struct{}

// allow sets so many queries aside for what is asked with the context; false where
// there are not as many left. What was not sent goes back with done.
func (b *budget) allow(ctx context.Context, queries int) (with context.Context, done func(), enough bool) {
	if !b.take(queries) {
		return ctx, nil, false
	}
	a := &allowance{left: queries}
	back := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		b.give(a.left)
		a.left = 0
	}
	return context.WithValue(ctx, allowanceKey{}, a), back, true
}

func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < n {
		return false
	}
	b.left -= n
	return true
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += n
}

// pay is called before each query that is sent; false where none may be.
func (b *budget) pay(ctx context.Context) bool {
	a, _ := ctx.Value(allowanceKey{}).(*allowance)
	if !a.pay() && !b.take(1) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent++
	return true
}

func (a *allowance) pay() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return false
	}
	a.left--
	return true
}

func (b *budget) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent
}

// counting sends what a budget has room for.
type counting struct {
	inner  http.RoundTripper
	budget *budget
}

// RoundTrip is http.RoundTripper's.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if !c.budget.pay(r.Context()) {
		if r.Body != nil {
			_ = r.Body.Close() // a transport closes it whatever happens
		}
		return nil, errSpent
	}
	return c.inner.RoundTrip(r)
}

// metered puts a budget before the transport that a source would use.
func metered(p prom.Options, b *budget) (prom.Options, error) {
	if p.Transport == nil {
		cfg := config.DefaultHTTPClientConfig
		if p.HTTP != nil {
			cfg = *p.HTTP
		}
		client, err := config.NewClientFromConfig(cfg, "prometheus", config.WithUserAgent(p.UserAgent))
		if err != nil {
			return p, fmt.Errorf("prometheus: http options: %w", err)
		}
		p.Transport = client.Transport
	}
	p.Transport = counting{inner: p.Transport, budget: b}
	return p, nil
}

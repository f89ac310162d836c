package main

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// perSecond is the traffic on the shop.
	perSecond = 100
	// customers is how many requests can be under way at once; more are not
	// made, so that a shop that hangs is not buried.
	customers = 16
)

// load is traffic on the shop, at a bounded rate, and what its customers saw.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	answered, failed, refused atomic.Int64
	version                   atomic.Value // string: who answered last
}

// startLoad begins to make requests; end ends it.
func startLoad(url string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	l.version.Store("")
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: customers, MaxConnsPerHost: customers},
	}
	turns := make(chan struct{})
	for range customers {
		l.done.Go(func() {
			for range turns {
				l.buy(ctx, client, url)
			}
		})
	}
	l.done.Go(func() {
		defer close(turns)
		defer client.CloseIdleConnections()
		pace(ctx, turns)
	})
	return l
}

// pace gives out turns at the rate; a turn that nobody is free to take is lost.
func pace(ctx context.Context, turns chan<- struct{}) {
	ticker := time.NewTicker(time.Second / perSecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case turns <- struct{}{}:
		default:
		}
	}
}

// buy makes one request and notes how it went.
func (l *load) buy(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	response, err := client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			l.refused.Add(1)
		}
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		l.refused.Add(1)
		return
	}
	l.version.Store(response.Header.Get("Shop-Version"))
	l.answered.Add(1)
	if response.StatusCode >= http.StatusInternalServerError {
		l.failed.Add(1)
	}
}

// end stops the traffic and waits until the last request is over.
func (l *load) end() {
	l.cancel()
	l.done.Wait()
}

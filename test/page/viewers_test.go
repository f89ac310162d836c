package page_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// TestTwoHundredViewersCostLittle lets as many look as a bad night brings: each
// follows the events and fetches the page again as its script does. What they cost
// the daemon is its processor time with them, less that without.
func TestTwoHundredViewersCostLittle(t *testing.T) {
	const (
		viewers = 200
		stretch = 15 * time.Second
		most    = 0.05 // of a processor
	)
	w, address := newWorld(t)
	w.AwaitWell("errors", "slow")
	alone := cost(t, w, stretch, func(context.Context) {})
	var fetched, told atomic.Int64
	together := cost(t, w, stretch, func(ctx context.Context) {
		var all sync.WaitGroup
		for range viewers {
			all.Go(func() { view(ctx, address, &fetched, &told) })
		}
		all.Go(func() { speak(ctx, t, w) })
		all.Wait()
	})
	t.Logf("%.1f%% of a processor alone, %.1f%% with %d viewers, who fetched %d pages and were told of %d events",
		100*alone, 100*together, viewers, fetched.Load(), told.Load())
	if fetched.Load() < 2*viewers || told.Load() < viewers {
		t.Fatal("the viewers saw too little for this to say anything")
	}
	if together-alone > most {
		t.Errorf("%d viewers cost %.1f%% of a processor, want at most %.0f%%", viewers, 100*(together-alone), 100*most)
	}
}

// cost is the daemon's processor time for each second of a stretch in which
// something is done.
func cost(t *testing.T, w *world.World, stretch time.Duration, do func(ctx context.Context)) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stretch)
	defer cancel()
	before, began := processorTime(t, w.Daemon.PID()), time.Now()
	do(ctx)
	<-ctx.Done()
	return (processorTime(t, w.Daemon.PID()) - before) / time.Since(began).Seconds()
}

// processorTime is what a process has used since it was started, in seconds.
func processorTime(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	sum := 0.0
	for _, field := range fields[11:13] { // in the program, and in the kernel for it
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += ticks / 100
	}
	return sum
}

// view is one browser that has the first page open: it fetches it again at an
// event, at most once a second, and every ten seconds.
func view(ctx context.Context, address string, fetched, told *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
	defer client.CloseIdleConnections()
	etag := ""
	fetch := func() {
		if body, header := get(ctx, client, "http://"+address+"/?fragment=1", etag); header != nil {
			fetched.Add(1)
			_, _ = io.Copy(io.Discard, body)
			_ = body.Close()
			etag = header.Get("ETag")
		}
	}
	events := make(chan struct{}, 1)
	go follow(ctx, client, address, func() {
		told.Add(1)
		select {
		case events <- struct{}{}:
		default:
		}
	})
	for {
		fetch()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		select {
		case <-ctx.Done():
			return
		case <-events:
		case <-time.After(9 * time.Second):
		}
	}
}

// follow calls f at every event.
func follow(ctx context.Context, client *http.Client, address string, f func()) {
	body, _ := get(ctx, client, "http://"+address+"/api/v1/events", "")
	if body == nil {
		return
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event:") {
			f()
		}
	}
}

// get is a GET as ann; the header is nil where there was no answer.
func get(ctx context.Context, client *http.Client, url, etag string) (io.ReadCloser, http.Header) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil
	}
	request.SetBasicAuth("ann", "ann")
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil
	}
	return response.Body, response.Header
}

// speak makes something happen every three seconds.
func speak(ctx context.Context, t *testing.T, w *world.World) {
	t.Helper()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(3 * time.Second):
		}
		verb := "pause"
		if n%2 == 1 {
			verb = "resume"
		}
		w.Daemon.Post(t, "/api/v1/services/checkout/"+verb, map[string]string{"reason": "something happens"})
	}
}

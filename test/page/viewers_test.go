package page_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// BenchmarkTwoHundredViewers lets as many look as a bad night brings: each follows
// the events and fetches the page again as its script does. What they cost the
// daemon is its processor time with them, less that without.
func BenchmarkTwoHundredViewers(b *testing.B) {
	const (
		viewers = 200
		stretch = 15 * time.Second
	)
	w, address := newWorld(b)
	w.AwaitWell("errors", "slow")
	var fetched, told atomic.Int64
	var alone, together float64
	for b.Loop() {
		alone = cost(b, w, stretch, func(context.Context) {})
		together = cost(b, w, stretch, func(ctx context.Context) {
			var all sync.WaitGroup
			for range viewers {
				all.Go(func() { view(ctx, address, &fetched, &told) })
			}
			all.Go(func() { speak(ctx, b, w) })
			all.Wait()
		})
	}
	if fetched.Load() < 2*viewers || told.Load() < viewers {
		b.Fatalf("%d pages fetched and %d events: the viewers saw too little for this to say anything", fetched.Load(), told.Load())
	}
	b.ReportMetric(100*(together-alone), "%-of-a-core")
	b.Logf("%d viewers: %.1f%% of a core (wanted: under 5%%) beside %.1f%% alone; %d pages fetched, %d events told",
		viewers, 100*(together-alone), 100*alone, fetched.Load(), told.Load())
}

// BenchmarkPages is the time to the first byte, and the size with style sheet,
// script and icon, of each view of a service with two triggers.
func BenchmarkPages(b *testing.B) {
	w, address := newWorld(b)
	w.AwaitWell("errors", "slow")
	client := &http.Client{}
	defer client.CloseIdleConnections()
	files := 0
	for _, path := range []string{"/", "/services/checkout", "/history?days=400"} {
		b.Run(strings.Trim(strings.Split(path, "?")[0], "/")+"_", func(b *testing.B) {
			size, first := 0, time.Duration(0)
			for b.Loop() {
				began := time.Now()
				body, header := get(b.Context(), client, "http://"+address+path, "")
				if header == nil {
					b.Fatal("no answer")
				}
				first += time.Since(began)
				text, err := io.ReadAll(body)
				_ = body.Close()
				if err != nil {
					b.Fatal(err)
				}
				size = len(text)
				if files == 0 {
					files = assets(b, client, address, string(text))
				}
			}
			b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "ms-to-first-byte")
			b.ReportMetric(float64(size+files)/1024, "KiB-in-all")
		})
	}
}

// assets is the size of the files that a page loads.
func assets(b *testing.B, client *http.Client, address, page string) (size int) {
	b.Helper()
	for _, found := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		body, _ := get(b.Context(), client, "http://"+address+found[1], "")
		if body == nil {
			b.Fatal("no answer for " + found[1])
		}
		text, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil {
			b.Fatal(err)
		}
		size += len(text)
	}
	if size == 0 {
		b.Fatal("the page names no file: this would measure nothing")
	}
	return size
}

// cost is the daemon's processor time for each second of a stretch in which
// something is done.
func cost(t testing.TB, w *world.World, stretch time.Duration, do func(ctx context.Context)) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stretch)
	defer cancel()
	before, began := processorTime(t, w.Daemon.PID()), time.Now()
	do(ctx)
	<-ctx.Done()
	return (processorTime(t, w.Daemon.PID()) - before) / time.Since(began).Seconds()
}

// processorTime is what a process has used since it was started, in seconds.
func processorTime(t testing.TB, pid int) float64 {
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
func speak(ctx context.Context, t testing.TB, w *world.World) {
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

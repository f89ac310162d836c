package story_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// pause is what lies between two requests of a shop's users.
const pause = 40 * time.Millisecond

// traffic is a shop's users, who come all the time. It keeps what they were told.
type traffic struct {
	shut string // the file that says that somebody has seen the maintenance page

	mu      sync.Mutex
	answers []string
}

// newTraffic sends requests to a socket until the test ends. A file is written once
// somebody has seen the maintenance page.
func newTraffic(t *testing.T, socket, shut string) *traffic {
	t.Helper()
	tr := &traffic{shut: shut}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		client := &http.Client{Transport: over(socket), Timeout: soon}
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for ctx.Err() == nil {
			tr.note(ask(ctx, client))
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
	t.Cleanup(func() {
		stop()
		done.Wait()
	})
	return tr
}

// over is a transport that leads every request to one socket, each over a
// connection of its own: a reload of nginx is seen by the next request.
func over(socket string) *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &http.Transport{DialContext: dial, DisableKeepAlives: true}
}

// ask is one request's answer: the status, and the release that gave it; "503"
// alone is the maintenance page.
func ask(ctx context.Context, client *http.Client) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop/orders", nil)
	if err != nil {
		return err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	release, _, _ := strings.Cut(string(body), " ")
	if response.StatusCode == http.StatusServiceUnavailable {
		release = ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, release))
}

func (tr *traffic) note(answer string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.answers = append(tr.answers, answer)
	if answer == "503" {
		_ = os.WriteFile(tr.shut, nil, 0o600) // a step that waits for it says that it is not there
	}
}

// seen counts the answers of each sort.
func (tr *traffic) seen() map[string]int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	counts := map[string]int{}
	for _, a := range tr.answers {
		counts[a]++
	}
	return counts
}

// await waits until so many answers in a row are of one sort.
func (tr *traffic) await(t *testing.T, answer string, inARow int) {
	t.Helper()
	world.Await(t, fmt.Sprintf("%d answers %q in a row", inARow, answer), soon, func() (bool, string) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		last := tr.answers[max(0, len(tr.answers)-inARow):]
		for _, a := range last {
			if a != answer {
				return false, fmt.Sprintf("%q", last)
			}
		}
		return len(last) == inARow, ""
	})
}

package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in memory, so that waiting takes no time in a bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// TestADawdlerIsLetGo: who sends slowly, or nothing more, holds no connection.
func TestADawdlerIsLetGo(t *testing.T) {
	const head = "POST /api/v1/services/checkout/lock HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
	tests := []struct {
		name, sends string
		after       time.Duration
	}{
		{"nothing at all", "", 5 * time.Second},
		{"a header that does not end", head + "X-Slow: ", 5 * time.Second},
		{"a body that does not end", head + "\r\n{", 15 * time.Second},
		{"a connection that is done", "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, l := newWorld(), newPipes()
				s := w.server()
				server := s.HTTP(s.Socket())
				go func() { _ = server.Serve(l) }()
				conn := l.dial()
				began := time.Now()
				if _, err := io.WriteString(conn, tt.sends); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took < tt.after || took > tt.after+time.Second {
					t.Errorf("let go after %v, want %v", took, tt.after)
				}
				if w.done() > 0 {
					t.Errorf("something was carried out: %+v", w.commands)
				}
				_ = conn.Close()
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newWorld(), newPipes()
		s := w.server()
		server := s.HTTP(s.Socket())
		go func() { _ = server.Serve(l) }()
		conn := l.dial()
		go func() {
			// The server stops reading before its end: what it says then is what counts.
			_, _ = io.WriteString(conn, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Huge: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %d, want 431", response.StatusCode)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.Body.Close() != nil {
			t.Errorf("reading the answer: %v", err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("the connection is not closed: %v", err)
		}
		_ = conn.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

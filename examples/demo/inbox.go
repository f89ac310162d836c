package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// message is the part of what rollbackd tells people that the demo shows.
type message struct {
	At        time.Time `json:"at"`
	FirstLine string    `json:"first_line"`
}

// inbox is a receiver of rollbackd's messages: where a chat or a pager would be.
// It takes only those that are signed with its secret.
type inbox struct {
	secret   string
	listener net.Listener
	server   *http.Server
	done     sync.WaitGroup

	mu       sync.Mutex
	seen     []string // ids: a message may be delivered more than once
	messages []message
}

// startInbox starts to receive.
func startInbox() (*inbox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &inbox{secret: rand.Text(), listener: listener}
	b.server = &http.Server{Handler: http.HandlerFunc(b.receive), ReadHeaderTimeout: 5 * time.Second}
	b.done.Go(func() { _ = b.server.Serve(listener) }) // always returns ErrServerClosed, after end
	return b, nil
}

// URL is where it receives.
func (b *inbox) URL() string { return "http://" + b.listener.Addr().String() }

// end stops receiving.
func (b *inbox) end() error {
	err := b.server.Close()
	b.done.Wait()
	return err
}

// take takes out what has come since the last time.
func (b *inbox) take() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.messages
	b.messages = nil
	return taken
}

// receive accepts one message, checked as Standard Webhooks says.
func (b *inbox) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := r.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, []byte(b.secret))
	fmt.Fprintf(mac, "%s.%s.%s", id, r.Header.Get("webhook-timestamp"), body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(r.Header.Get("webhook-signature"))) {
		http.Error(w, "the signature is not right", http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.seen, id) {
		b.seen = append(b.seen, id)
		b.messages = append(b.messages, m)
	}
}

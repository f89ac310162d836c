package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// logbook is a log that says when it holds a word.
type logbook struct {
	word string
	held chan struct{}

	mu   sync.Mutex
	text strings.Builder
}

func (r *logbook) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(string(p), r.word) {
		select {
		case r.held <- struct{}{}:
		default:
		}
	}
	return r.text.Write(p)
}

func (r *logbook) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// A receiver that repeats the token that it refuses, and a program that writes one
// down, put it neither into the log nor into the journal nor before whoever tries
// the receiver.
func TestH37WhatAReceiverRepeatsIsHidden(t *testing.T) {
	const canary = `c4nary-"token"/1`
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "no: %s, that is %q", r.Header.Get("Authorization"), r.Header.Get("Authorization"))
	}))
	defer server.Close()
	for kind, text := range map[string]string{
		"webhook": `webhook = { url = "` + server.URL + `", http = { authorization = { credentials_file = "` + file + `" } } }`,
		"exec":    `exec = { command = ["/bin/sh", "-c", "cat ` + file + ` >&2; exit 1"] }` + "\n[receivers.other]\n" + `pagerduty = { routing_key_file = "` + file + `" }`,
	} {
		c := parse(t, shop+"[receivers.ops]\n"+text+"\n")
		log := &logbook{word: "not delivered", held: make(chan struct{}, 1)}
		h := newHouse(Options{Clock: clock.New(), Logger: hclog.New(&hclog.LoggerOptions{Output: log})}, c)
		h.journal = written(t)
		waiting(t, h.journal, "m", "ops")
		h.tellers = newTellers(h)
		made, err := h.tellers.make(c)
		if err != nil {
			t.Fatal(err)
		}
		h.tellers.start(t.Context(), made)
		select {
		case <-log.held:
		case <-time.After(2 * time.Minute):
			t.Errorf("%s: no failure is in the log: %s", kind, log)
		}
		if err := h.tellers.stop(); err != nil {
			t.Error(err)
		}
		_, kept, err := h.journal.Fate(t.Context(), "m", "ops")
		if err != nil {
			t.Fatal(err)
		}
		tried, err := Try(t.Context(), c, "ops", clock.New(), hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		for where, said := range map[string]string{"the log": log.String(), "the journal": kept, "notify-test": fmt.Sprint(tried[0].Err)} {
			if strings.Contains(said, "c4nary") || !strings.Contains(said, "<secret>") {
				t.Errorf("%s: %s says %s", kind, where, said)
			}
		}
	}
	server.CloseClientConnections()
}

func TestWhatAChannelWarnsOfHoldsNoSecret(t *testing.T) {
	log := &logbook{}
	d := discreet{hclog.New(&hclog.LoggerOptions{Output: log}), func(text string) string { return strings.ReplaceAll(text, "c4nary", "<secret>") }}
	d.Warn("refused", "err", errors.New("answered: c4nary"), "n", 1)
	d.Error("refused", "problem", "c4nary")
	if said := log.String(); strings.Contains(said, "c4nary") || strings.Count(said, "<secret>") != 2 || !strings.Contains(said, "n=1") {
		t.Error(said)
	}
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

func TestInboxTakesWhatIsSignedOnce(t *testing.T) {
	b, err := startInbox()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.end(); err != nil {
			t.Error(err)
		}
	}()
	const body = `{"at":"2026-11-21T03:04:05Z","first_line":"ACTING shop v2 → v1"}`
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("m1.1800000000." + body))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	for _, tt := range []struct {
		name, signature string
		code            int
	}{
		{"unsigned", "", http.StatusUnauthorized},
		{"signed by another", sign("guess"), http.StatusUnauthorized},
		{"signed", sign(b.secret), http.StatusOK},
		{"delivered again", sign(b.secret), http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL()+"/told", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("webhook-id", "m1")
		request.Header.Set("webhook-timestamp", "1800000000")
		request.Header.Set("webhook-signature", tt.signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != tt.code {
			t.Errorf("%s: status %d (%v), want %d", tt.name, response.StatusCode, err, tt.code)
		}
	}
	if got := b.take(); len(got) != 1 || got[0].FirstLine != "ACTING shop v2 → v1" {
		t.Errorf("take = %v, want the one message", got)
	}
	if got := b.take(); len(got) != 0 {
		t.Errorf("a second take = %v, want nothing", got)
	}
}

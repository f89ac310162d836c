package notify_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/notify"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// webhook makes one whose clock stands at noon.
func webhook(t *testing.T, o notify.WebhookOptions) *notify.Webhook {
	t.Helper()
	mock := clock.NewMock()
	mock.Set(noon())
	o.Clock = mock
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	if o.Transport == nil {
		o.Transport = transport
	}
	w, err := notify.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// secret is one that is read as a text, or cannot be read.
func secret(text string, err error) func() (string, error) {
	return func() (string, error) { return text, err }
}

func sample() notify.Delivery {
	return notify.Delivery{ID: "inc-1/held/2", Receiver: "ops", Payload: []byte(`{"first_line":"HELD checkout"}`)}
}

func TestWebhookSigns(t *testing.T) {
	tests := []struct {
		name, content string
		key           []byte
	}{
		{"whsec_ and base64", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", mustDecode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
		{"raw", "a secret\n", []byte("a secret")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			url := server(t, func(_ http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			})
			if err := webhook(t, notify.WebhookOptions{URL: url, Secret: secret(tt.content, nil)}).Deliver(t.Context(), sample()); err != nil {
				t.Fatal(err)
			}
			if got.Method != http.MethodPost || got.Header.Get("Content-Type") != "application/json" || !bytes.Equal(body, sample().Payload) {
				t.Errorf("got %s %s %s", got.Method, got.Header.Get("Content-Type"), body)
			}
			mac := hmac.New(sha256.New, tt.key)
			mac.Write([]byte("inc-1/held/2.1772366400." + string(sample().Payload)))
			want := map[string]string{
				"webhook-id": "inc-1/held/2", "webhook-timestamp": "1772366400",
				"webhook-signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
			}
			for header, value := range want {
				if diff := cmp.Diff(value, got.Header.Get(header)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", header, diff)
				}
			}
		})
	}
}

func mustDecode(text string) []byte {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

func TestWebhookWithoutSecretWarnsOnce(t *testing.T) {
	signed := ""
	url := server(t, func(_ http.ResponseWriter, r *http.Request) { signed += r.Header.Get("webhook-signature") })
	var log bytes.Buffer
	w := webhook(t, notify.WebhookOptions{URL: url, Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
	for range 3 {
		if err := w.Deliver(t.Context(), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(log.String(), "not signed"); got != 1 || signed != "" {
		t.Errorf("%d warnings and signature %q, want one warning and no signature", got, signed)
	}
}

func TestWebhookSendsNothingUnsignedByMistake(t *testing.T) {
	asked := false
	url := server(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for name, read := range map[string]func() (string, error){
		"missing": secret("", errors.New("no such file")), "empty": secret(" \n", nil), "not base64": secret("whsec_hunter2!", nil),
	} {
		err := webhook(t, notify.WebhookOptions{URL: url, Secret: read}).Deliver(t.Context(), sample())
		failure, ok := errors.AsType[*notify.DeliveryError](err)
		if !ok || !failure.Refused || asked {
			t.Errorf("%s: got %v (asked: %v), want a refused failure before anything is sent", name, err, asked)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error %q holds the secret", name, err)
		}
	}
}

func TestWebhookJudgesAnswers(t *testing.T) {
	tests := []struct {
		name       string
		status     int
		retryAfter string
		body       string
		want       *notify.DeliveryError
	}{
		{name: "ok", status: 200},
		{name: "accepted", status: 204},
		{name: "429 in seconds", status: 429, retryAfter: "17", want: &notify.DeliveryError{Problem: "answered 429", RetryAfter: 17 * time.Second}},
		{
			name: "503 as a date", status: 503, retryAfter: noon().Add(time.Minute).Format(http.TimeFormat),
			want: &notify.DeliveryError{Problem: "answered 503", RetryAfter: time.Minute},
		},
		{name: "a date that is past", status: 503, retryAfter: noon().Add(-time.Minute).Format(http.TimeFormat), want: &notify.DeliveryError{Problem: "answered 503"}},
		{name: "for ever", status: 429, retryAfter: "9223372036854775807", want: &notify.DeliveryError{Problem: "answered 429", RetryAfter: 24 * time.Hour}},
		{name: "negative", status: 429, retryAfter: "-5", want: &notify.DeliveryError{Problem: "answered 429"}},
		{name: "nonsense", status: 429, retryAfter: "soon", want: &notify.DeliveryError{Problem: "answered 429"}},
		{name: "500 does not ask to wait", status: 500, retryAfter: "17", body: "oops\x1b[31m\nsecond line", want: &notify.DeliveryError{Problem: "answered 500: oops[31m"}},
		{name: "408", status: 408, want: &notify.DeliveryError{Problem: "answered 408"}},
		{name: "404", status: 404, body: "no such hook", want: &notify.DeliveryError{Problem: "answered 404: no such hook", Refused: true}},
		{name: "a redirect is not followed", status: 302, want: &notify.DeliveryError{Problem: "answered 302", Refused: true}},
		{name: "a long answer", status: 500, body: strings.Repeat("é", 500), want: &notify.DeliveryError{Problem: "answered 500: " + strings.Repeat("é", 120) + "…"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := server(t, func(w http.ResponseWriter, r *http.Request) {
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			err := webhook(t, notify.WebhookOptions{URL: url}).Deliver(t.Context(), sample())
			got, _ := errors.AsType[*notify.DeliveryError](err)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want == nil) {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestWebhookErrorsHoldNoAddress(t *testing.T) {
	const closed = "127.0.0.1:1" // of a port that was free a moment ago nobody knows whose it is now
	err := webhook(t, notify.WebhookOptions{URL: "http://user:hunter2@" + closed + "/hunter2"}).Deliver(t.Context(), sample())
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the address's secrets", err)
	}
	for _, bad := range []string{"", "hunter2", "ftp://hunter2/", "http://", "http://hunter2\x7f/"} {
		if _, err := notify.NewWebhook(notify.WebhookOptions{URL: bad}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("url %q: got %v, want an error without it", bad, err)
		}
	}
}

// TestWebhookIntoABlackHole uses a real socket that accepts and never answers.
func TestWebhookIntoABlackHole(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = webhook(t, notify.WebhookOptions{URL: "http://" + listener.Addr().String()}).Deliver(ctx, sample())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
}

// FuzzRetryAfter: whatever a receiver answers, the wait is between nothing and
// a message's whole life.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "-1", "99999999999999999999", "Sun, 01 Mar 2026 12:01:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		w := webhook(t, notify.WebhookOptions{URL: "http://receiver.example", Transport: answering(header)})
		failure, ok := errors.AsType[*notify.DeliveryError](w.Deliver(t.Context(), sample()))
		if !ok || failure.RetryAfter < 0 || failure.RetryAfter > 24*time.Hour {
			t.Errorf("Retry-After %q: got %+v", header, failure)
		}
	})
}

// answering is a receiver that is always busy.
type answering string

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {string(a)}}, Body: http.NoBody}, nil
}

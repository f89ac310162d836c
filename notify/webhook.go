package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"
)

// WebhookOptions makes a Webhook. URL is needed.
type WebhookOptions struct {
	// URL may hold a secret: it is never logged.
	URL string
	// Secret reads the signing secret: "whsec_" and base64, or the bytes
	// themselves. It is called at each use, so that a new secret counts at once;
	// its errors must not hold any of it. Nil sends unsigned, with one warning.
	Secret func() (string, error)
	// Transport carries the requests, with the receiver's own TLS, proxy and
	// authorization; nil is Go's default.
	Transport http.RoundTripper
	// Clock is real time if nil, and Logger logs nothing if nil.
	Clock  clock.Clock
	Logger hclog.Logger
}

// Webhook posts messages as JSON, signed as Standard Webhooks has it
// (standardwebhooks.com). It is safe for concurrent use.
type Webhook struct {
	options  WebhookOptions
	client   *http.Client
	unsigned sync.Once
}

// NewWebhook makes a webhook; it fails on a URL that cannot be posted to.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("webhook: url is not an http or https address")
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return &Webhook{options: o, client: &http.Client{
		Transport: o.Transport,
		// A redirected POST may become a GET, whose success would mean nothing.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Deliver posts one message. Any 2xx is success.
func (w *Webhook) Deliver(ctx context.Context, d Delivery) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.options.URL, bytes.NewReader(d.Payload))
	if err != nil {
		return bare(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rollbackd")
	if err := w.sign(request.Header, d); err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return bare(err)
	}
	defer func() { _ = response.Body.Close() }()
	// Reading to the end lets the connection be used again; a receiver that
	// goes on and on is not worth one.
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return w.judge(response, body)
}

// sign adds the Standard Webhooks headers.
func (w *Webhook) sign(header http.Header, d Delivery) error {
	timestamp := strconv.FormatInt(w.options.Clock.Now().Unix(), 10)
	header.Set("webhook-id", d.ID)
	header.Set("webhook-timestamp", timestamp)
	if w.options.Secret == nil {
		w.unsigned.Do(func() {
			w.options.Logger.Warn("messages are not signed: the webhook has no secret_file or secret_env", "receiver", d.Receiver)
		})
		return nil
	}
	secret, err := w.secret()
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(fmt.Appendf(nil, "%s.%s.%s", d.ID, timestamp, d.Payload))
	header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// secret reads the signing secret. Its errors never hold any of it.
func (w *Webhook) secret() ([]byte, error) {
	content, err := w.options.Secret()
	if err != nil {
		return nil, fmt.Errorf("signing secret: %w", err)
	}
	text := strings.TrimSpace(content)
	if text == "" {
		return nil, errors.New("signing secret: it is empty")
	}
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text), nil
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) == 0 {
		return nil, errors.New("signing secret: what follows whsec_ is not base64")
	}
	return secret, nil
}

// judge turns an answer into nil or a DeliveryError.
func (w *Webhook) judge(response *http.Response, body []byte) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	failure := &DeliveryError{Problem: "answered " + strconv.Itoa(code) + excerpt(body)}
	switch {
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"), w.options.Clock.Now())
	case code == http.StatusRequestTimeout || code >= 500:
	default:
		failure.Refused = true
	}
	return failure
}

// retryAfter reads the header's seconds or date; 0 where it is neither, or past.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		// More than a message lives for is all the same, and must not overflow.
		return time.Duration(min(max(seconds, 0), int64(lifetime/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), lifetime)
	}
	return 0
}

// excerpt is the beginning of an answer's first line, fit for a log.
func excerpt(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if line == "" {
		return ""
	}
	if runes := []rune(line); len(runes) > 120 {
		line = string(runes[:120]) + "…"
	}
	return ": " + line
}

// bare is an HTTP client's error without the URL, which may hold a secret.
func bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("post: %w", e.Err)
	}
	return err
}

package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

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
	return &Webhook{options: o, client: poster(o.Transport)}, nil
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
	_, err = exchange(w.client, request, w.options.Clock)
	return err
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

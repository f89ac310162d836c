package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/web"
)

// defaultAddress is where the daemon of the shipped unit listens.
const defaultAddress = "unix:/run/rollbackd/rollbackd.sock"

// addressVariable names the daemon where no flag does.
const addressVariable = "ROLLBACKD_WEB_ADDRESS"

// answerWithin is how long the daemon may take; a command waits for at most 30
// seconds inside it.
const answerWithin = 40 * time.Second

// client asks one daemon.
type client struct {
	http    *http.Client
	base    string
	address string
}

// unreachableError says that no daemon answers at an address.
type unreachableError struct {
	address string
	err     error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no daemon answers at %s (is it running? --web.address or %s names another): %v", e.address, addressVariable, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

// refusalError is an answer of the daemon that is not a success.
type refusalError struct {
	status int
	web.Envelope
}

func (e *refusalError) Error() string {
	if e.status == http.StatusForbidden {
		return e.Envelope.Error + " (--web.address " + defaultAddress + ")"
	}
	if e.Guard != "" {
		return fmt.Sprintf("refused by %s: %s", e.Guard, e.Envelope.Error)
	}
	return e.Envelope.Error
}

// clientFlags gives a command the flags of those that ask the daemon.
func (a *app) clientFlags(cmd *cobra.Command) *cobra.Command {
	address := a.getenv(addressVariable)
	if address == "" {
		address = defaultAddress
	}
	cmd.Flags().StringVar(&a.address, "web.address", address,
		"the daemon: unix:/path or http://host:port (TCP only reads); $"+addressVariable+" sets the default")
	a.outputFlag(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := newClient(a.address); err != nil {
			return usagef(cmd, "--web.address: %v", err)
		}
		return a.checkOutput(cmd)
	}
	return cmd
}

func (a *app) outputFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&a.output, "output", "o", "table", "table or json")
}

func (a *app) checkOutput(cmd *cobra.Command) error {
	if a.output != "table" && a.output != "json" {
		return usagef(cmd, "-o %s: want table or json", a.output)
	}
	return nil
}

// newClient makes a client for an address as --web.address spells it.
func newClient(address string) (*client, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}
	c := &client{http: &http.Client{Transport: transport, Timeout: answerWithin}, address: address}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return nil, fmt.Errorf("%q has no path (try %s)", address, defaultAddress)
		}
		c.base = "http://rollbackd"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is neither unix:/path nor http://host:port", address)
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	return c, nil
}

// get reads. path is below the root; v, when not nil, takes the data.
func (c *client) get(ctx context.Context, path string, v any) (json.RawMessage, error) {
	return c.ask(ctx, http.MethodGet, path, nil, v)
}

// post sends a command with its body.
func (c *client) post(ctx context.Context, path string, body, v any) (json.RawMessage, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, path, text, v)
}

func (c *client) ask(ctx context.Context, method, path string, body []byte, v any) (json.RawMessage, error) {
	status, text, err := c.exchange(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return open(status, text, v)
}

// exchange sends a request and reads the whole answer.
func (c *client) exchange(ctx context.Context, method, path string, body []byte) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, &unreachableError{address: c.address, err: innermost(err)}
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, &unreachableError{address: c.address, err: err}
	}
	return response.StatusCode, text, nil
}

// open takes the data out of an answer.
func open(status int, text []byte, v any) (json.RawMessage, error) {
	var e web.Envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("the answer (status %d) is not rollbackd's: %w", status, err)
	}
	if e.Status != "success" {
		return nil, &refusalError{status: status, Envelope: e}
	}
	if v == nil {
		return e.Data, nil
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		return nil, fmt.Errorf("the answer cannot be read (is the daemon of another version?): %w", err)
	}
	return e.Data, nil
}

// innermost drops the URL that net/http puts in front of an error: for a socket
// it names no place.
func innermost(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // only the outermost layer is to be taken off
		return u.Err
	}
	return err
}

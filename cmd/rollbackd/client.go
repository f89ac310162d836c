package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/spf13/cobra"

	"github.com/rollbackd/rollbackd/incident"
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
	// local is true for a unix socket, named where a file says who we are.
	local, named bool
}

// unreachableError says that no daemon answers at an address.
type unreachableError struct {
	address string
	err     error
}

func (e *unreachableError) Error() string {
	if kept, is := errors.AsType[*deniedError](e.err); is {
		return kept.Error()
	}
	return fmt.Sprintf("no daemon answers at %s (is it running? --web.address or %s names another): %v", e.address, addressVariable, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

// refusalError is an answer of the daemon that is not a success. Its text says
// what to do about it where the daemon cannot know.
type refusalError struct {
	status int
	web.Envelope
}

func (e *refusalError) Error() string {
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
		"the daemon: unix:/path, or http(s)://host:port, where only users may do more than read; $"+addressVariable+" sets the default")
	cmd.Flags().StringVar(&a.httpConfig, "http.config.file", "", "user, password and TLS for an http(s) address: a file as promtool takes it")
	a.outputFlag(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := a.client(); err != nil {
			return usagef(cmd, "%v", err)
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

// client makes a client for the daemon that the flags name.
func (a *app) client() (*client, error) { return newClient(a.address, a.httpConfig) }

// newClient makes a client for an address as --web.address spells it, and the
// file of --http.config.file; that may be empty.
func newClient(address, httpConfig string) (*client, error) {
	c := &client{http: &http.Client{Timeout: answerWithin}, address: address, named: httpConfig != ""}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		switch {
		case path == "":
			return nil, fmt.Errorf("--web.address: %q has no path (try %s)", address, defaultAddress)
		case c.named:
			return nil, fmt.Errorf("--http.config.file is for http(s) addresses, and --web.address is %s", address)
		}
		c.base, c.local = "http://rollbackd", true
		c.http.Transport = &http.Transport{
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", path)
			},
		}
		return c, nil
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--web.address: %q is neither unix:/path nor http(s)://host:port", address)
	}
	if u.User != nil {
		return nil, fmt.Errorf("--web.address: a password does not belong into an address: name a file with it by --http.config.file")
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	c.http.Transport, err = transport(httpConfig)
	return c, err
}

// transport carries requests over TCP, as a file of Prometheus's HTTP client
// options says.
func transport(file string) (http.RoundTripper, error) {
	if file == "" {
		return &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}, nil
	}
	options, _, err := config.LoadHTTPConfigFile(file)
	if err != nil {
		return nil, fmt.Errorf("--http.config.file %s: %s", file, strings.Join(strings.Fields(err.Error()), " "))
	}
	t, err := config.NewRoundTripperFromConfig(*options, "rollbackd")
	if err != nil {
		return nil, fmt.Errorf("--http.config.file %s: %w", file, err)
	}
	return t, nil
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
	data, err := open(status, text, v)
	if refused, is := errors.AsType[*refusalError](err); is {
		refused.Envelope.Error += c.hint(status) + nextStep(refused.Guard, path)
	}
	return data, err
}

// hint is what to do about a refusal that comes of how we ask.
func (c *client) hint(status int) string {
	switch {
	case status == http.StatusUnauthorized && !c.named:
		return " (--http.config.file names a file that has them)"
	case status == http.StatusForbidden && !c.local && !c.named:
		return " (--web.address " + defaultAddress + ")"
	}
	return ""
}

// nextStep is the command that helps against a guard that refused a command sent to
// path; empty where the refusal itself says all.
func nextStep(guard incident.Guard, path string) string {
	service := "SERVICE"
	if rest, ok := strings.CutPrefix(path, "/api/v1/services/"); ok {
		name, command, _ := strings.Cut(rest, "/")
		// A rehearsal may act on another service, which the path does not name.
		if name, err := url.PathUnescape(name); err == nil && name != "_all" && command != "rehearse" {
			service = name
		}
	}
	switch guard {
	case incident.GuardLocked:
		return "; to lift it: rollbackd unlock " + service + " --reason … (or --all, where everything is locked)"
	case incident.GuardNoTarget:
		return "; what is known: rollbackd versions " + service
	case incident.GuardQuarantined:
		return "; to lift it: rollbackd pardon " + service + " --version V --reason …"
	case incident.GuardConcurrency:
		return "; what goes on: rollbackd status"
	case incident.GuardJournal:
		return "; what helps: rollbackd status"
	default:
		return ""
	}
}

// exchange sends a request and reads the whole answer. A command has a key of its
// own and is sent once: the daemon refuses a second one, whoever sends it again.
func (c *client) exchange(ctx context.Context, method, path string, body []byte) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", rand.Text())
		request.GetBody = nil // net/http takes the key for leave to send it again
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, &unreachableError{address: c.address, err: denied(c.address, innermost(err))}
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
	switch status { // these are answered before the daemon's own part, in plain text
	case http.StatusUnauthorized:
		return nil, &refusalError{status: status, Envelope: web.Envelope{Error: "the daemon wants a user and the right password"}}
	case http.StatusTooManyRequests:
		return nil, &refusalError{status: status, Envelope: web.Envelope{Error: "the daemon is asked too often (rate_limit of its web-config file)"}}
	}
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

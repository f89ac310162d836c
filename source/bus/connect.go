package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// How the connection is kept.
const (
	maxReconnectDelay = 30 * time.Second
	pingInterval      = 10 * time.Second
	dialTimeout       = 5 * time.Second
)

// events are what a connection tells of itself. Each is called from goroutines of
// the connection.
type events struct {
	connected    func()
	disconnected func(err error)
	failed       func(err error)
	closed       func()
}

// natsOptions makes the options of a connection that never gives up. It reads
// nothing but the nkey's seed; other secrets are read at each connect.
func natsOptions(o Options, e events) ([]nats.Option, error) {
	opts := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		// Without this, two equal refusals close the connection for ever, and a
		// password that is rotated a second too late takes the daemon down.
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(reconnectDelay), nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		// A subject we may not read would otherwise look like a quiet one.
		nats.PermissionErrOnSubscribe(true), nats.NoEcho(),
		nats.ConnectHandler(func(*nats.Conn) { e.connected() }),
		nats.ReconnectHandler(func(*nats.Conn) { e.connected() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { e.disconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { e.failed(err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { e.failed(err) }),
		nats.ClosedHandler(func(*nats.Conn) { e.closed() }),
	}
	if o.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	secret := func(read func() (string, error)) string {
		text, err := read()
		if err != nil {
			e.failed(fmt.Errorf("nats: %w", err))
		}
		return strings.TrimSpace(text)
	}
	switch {
	case o.CredsFile != "":
		opts = append(opts, nats.UserCredentials(o.CredsFile))
	case o.NkeyFile != "":
		nkey, err := nats.NkeyOptionFromSeed(o.NkeyFile)
		if err != nil {
			return nil, fmt.Errorf("nats: nkey_file %s: %w", o.NkeyFile, err)
		}
		opts = append(opts, nkey)
	case o.Token != nil:
		opts = append(opts, nats.TokenHandler(func() string { return secret(o.Token) }))
	case o.User != "":
		opts = append(opts, nats.UserInfoHandler(func() (string, string) { return o.User, secret(o.Password) }))
	}
	if o.TLS != nil {
		opts = append(opts, tlsOptions(*o.TLS)...)
	}
	return opts, nil
}

// reconnectDelay doubles from a second to half a minute, spread by half a second
// so that many daemons do not come back in the same instant.
func reconnectDelay(attempts int) time.Duration {
	return backoff(attempts) + rand.N(500*time.Millisecond) //nolint:gosec // spreading needs no secrecy
}

func backoff(attempts int) time.Duration {
	return min(maxReconnectDelay, time.Second<<min(max(attempts-1, 0), 5))
}

func tlsOptions(t TLS) []nats.Option {
	opts := []nats.Option{nats.Secure(&tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the operator's choice, named for what it is
	})}
	var certificate nats.TLSCertHandler
	var roots nats.RootCAsHandler
	if t.CertFile != "" {
		certificate = func() (tls.Certificate, error) { return tls.LoadX509KeyPair(t.CertFile, t.KeyFile) }
	}
	if t.CAFile != "" {
		roots = func() (*x509.CertPool, error) { return readRoots(t.CAFile) }
	}
	if certificate != nil || roots != nil {
		opts = append(opts, nats.ClientTLSConfig(certificate, roots))
	}
	return opts
}

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("nats: ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("nats: ca_file %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

// errorReason names an error of the connection for the metrics.
func errorReason(err error) string {
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		return "slow_consumer"
	case errors.Is(err, nats.ErrPermissionViolation):
		return "permission"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return "authorization"
	case errors.Is(err, nats.ErrStaleConnection):
		return "stale_connection"
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return "secret_file"
	}
	return "connection"
}

package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/source/bus"
)

// leastWindow is how far back a stream of events is read at least.
const leastWindow = time.Hour

// tryWithin bounds how long a check waits for a NATS server.
const tryWithin = 5 * time.Second

// busOptions are the values of a subscriber's options, without what it works
// with. An error names what this version cannot do yet.
func busOptions(c *config.Config) (bus.Options, error) {
	n := c.NATS
	if err := busLacks(n); err != nil {
		return bus.Options{}, err
	}
	o := bus.Options{
		URL: n.URL, Name: "rollbackd", Prefix: n.Prefix,
		CredsFile: n.CredsFile.Path(), NkeyFile: n.NKeyFile.Path(), TokenFile: n.Token.Path(),
		User: n.User, PasswordFile: n.Password.Path(),
	}
	if n.TLS.Enabled {
		o.TLS = &bus.TLS{
			CAFile: n.TLS.CAFile, CertFile: n.TLS.CertFile, KeyFile: n.TLS.KeyFile,
			ServerName: n.TLS.ServerName, InsecureSkipVerify: n.TLS.InsecureSkipVerify,
		}
	}
	for _, m := range n.Map {
		tokens := slices.Clone(m.Tokens)
		for i, token := range tokens {
			if token == "_" {
				tokens[i] = "" // it stands for nothing of ours
			}
		}
		o.Maps = append(o.Maps, bus.Map{Subject: m.Subject, Tokens: tokens, Kind: m.Kind})
	}
	return o, nil
}

func busLacks(n config.NATS) error {
	var lacks []error
	for key, ref := range map[string]config.SecretRef{"password_env": n.Password, "token_env": n.Token} {
		if ref.Env != "" {
			lacks = append(lacks, fmt.Errorf("nats.%s is not implemented in this version: use a file", key))
		}
	}
	if n.TLS.HandshakeFirst {
		lacks = append(lacks, errors.New("nats.tls.handshake_first is not implemented in this version"))
	}
	return errors.Join(lacks...)
}

// watched are the services whose events count, and how far back.
func watched(c *config.Config) (services []string, window time.Duration) {
	window = leastWindow
	for name, s := range c.Services {
		window = max(window, c.LongestHold(name), s.Deployment.BlameWindow)
	}
	return slices.Sorted(maps.Keys(c.Services)), window
}

// tryBus connects once, as the subscriber would, and listens to nothing.
func tryBus(c *config.Config) error {
	o, err := busOptions(c)
	if err != nil {
		return err
	}
	opts := []nats.Option{nats.Name("rollbackd check"), nats.NoReconnect(), nats.Timeout(tryWithin)}
	credentials, err := busCredentials(c.NATS, o)
	if err != nil {
		return err
	}
	conn, err := nats.Connect(o.URL, append(opts, credentials...)...)
	if err != nil {
		return err
	}
	conn.Close()
	return nil
}

func busCredentials(n config.NATS, o bus.Options) ([]nats.Option, error) {
	var opts []nats.Option
	switch {
	case o.CredsFile != "":
		opts = append(opts, nats.UserCredentials(o.CredsFile))
	case o.NkeyFile != "":
		nkey, err := nats.NkeyOptionFromSeed(o.NkeyFile)
		if err != nil {
			return nil, err
		}
		opts = append(opts, nkey)
	case o.TokenFile != "":
		token, err := n.Token.Read()
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.Token(token))
	case o.User != "":
		password, err := n.Password.Read()
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserInfo(o.User, password))
	}
	return append(opts, busTLS(n.TLS)...), nil
}

func busTLS(t config.NATSTLS) []nats.Option {
	if !t.Enabled {
		return nil
	}
	opts := []nats.Option{nats.Secure(&tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the operator's choice, named for what it is
	})}
	if t.CAFile != "" {
		opts = append(opts, nats.RootCAs(t.CAFile))
	}
	if t.CertFile != "" {
		opts = append(opts, nats.ClientCert(t.CertFile, t.KeyFile))
	}
	return opts
}

package daemon

import (
	"crypto/tls"
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
// with.
func busOptions(c *config.Config) bus.Options {
	n := c.NATS
	o := bus.Options{
		URL: n.URL, Name: "rollbackd", Prefix: n.Prefix,
		CredsFile: n.CredsFile.Path(), NkeyFile: n.NKeyFile.Path(), Token: reader(n.Token),
		User: n.User, Password: reader(n.Password),
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
	return o
}

// reader reads a secret anew at each use; it is nil where there is none.
func reader(ref config.SecretRef) func() (string, error) {
	if ref.IsZero() {
		return nil
	}
	return ref.Read
}

// watched are the services whose events count, and how far back.
func watched(c *config.Config) (services []string, window time.Duration) {
	window = leastWindow
	for name, s := range c.Services {
		window = max(window, c.LongestHold(name), s.Deployment.BlameWindow)
	}
	return slices.Sorted(maps.Keys(c.Services)), window
}

// waitedFor are, by service, the names of the signals that its triggers wait for.
func waitedFor(c *config.Config) map[string][]string {
	names := make(map[string][]string, len(c.Services))
	for name, s := range c.Services {
		names[name] = []string{}
		for _, t := range s.Triggers {
			names[name] = append(names[name], t.Spec.Expr.Signals()...)
		}
	}
	return names
}

// tryBus connects once, as the subscriber would, and listens to nothing.
func tryBus(c *config.Config) error {
	o := busOptions(c)
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
	case o.Token != nil:
		token, err := o.Token()
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.Token(token))
	case o.User != "":
		password, err := o.Password()
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

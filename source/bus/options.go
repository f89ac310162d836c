package bus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/source"
)

// TLS are the options of an encrypted connection. Files are read anew at each
// connect, so that a renewed certificate needs no restart.
type TLS struct {
	CAFile             string
	CertFile, KeyFile  string
	ServerName         string
	InsecureSkipVerify bool
}

// Map makes foreign subjects into ours.
type Map struct {
	// Subject is what to listen to; each * of it is named by one of Tokens.
	Subject string
	// Tokens are "service", "instance" or "" (nothing of ours), in the order of
	// the *s.
	Tokens []string
	// Kind is "health", "deploy" or "signal".
	Kind string
}

// Options say where to listen and what for.
type Options struct {
	// URL names the servers, separated by commas.
	URL string
	// Name identifies this connection to the server's operators.
	Name string
	// At most one of CredsFile, NkeyFile, Token, and User with Password. All but
	// the nkey are read anew at each connect; errors must not hold the secret.
	CredsFile, NkeyFile string
	Token, Password     func() (string, error)
	User                string
	// TLS is nil for a connection that is encrypted only if the server asks.
	TLS *TLS
	// InboxPrefix replaces _INBOX where an account is confined; may be empty.
	InboxPrefix string
	// Prefix is that of our own subjects. Empty means "rollbackd.v1".
	Prefix string
	Maps   []Map
	// Services are those that are watched; events of others are refused.
	Services []string
	// Signals are, by service, the names that its triggers wait for; other signals
	// are refused. Of a service that is not in it none is.
	Signals map[string][]string
	// Window is the longest window of any trigger: how far back a stream is
	// read, and how old an event may be to count. Zero means an hour.
	Window time.Duration
	// DeploysSince is when deployments were last listened to, after a restart.
	// Older ones on a stream are known already and are not told again. The zero
	// value reads back over the whole window.
	DeploysSince time.Time

	Sink source.Sink
	// Clock, Logger and Observer may be nil: the real clock, no log, no metrics.
	Clock    clock.Clock
	Logger   hclog.Logger
	Observer *source.Observer
}

const (
	defaultPrefix = "rollbackd.v1"
	defaultWindow = time.Hour
	sourceName    = "nats"
)

func (o Options) withDefaults() (Options, error) {
	var problems []error
	if o.URL == "" {
		problems = append(problems, errors.New(`nats: no url (try "nats://127.0.0.1:4222")`))
	}
	if o.Sink == nil {
		problems = append(problems, errors.New("nats: no sink for the events"))
	}
	methods := 0
	for _, used := range []bool{o.CredsFile != "", o.NkeyFile != "", o.Token != nil, o.User != ""} {
		if used {
			methods++
		}
	}
	if methods > 1 {
		problems = append(problems, errors.New("nats: more than one of creds_file, nkey_file, token and user"))
	}
	if (o.User == "") != (o.Password == nil) {
		problems = append(problems, errors.New("nats: user and password belong together"))
	}
	if t := o.TLS; t != nil && (t.CertFile == "") != (t.KeyFile == "") {
		problems = append(problems, errors.New("nats: tls: cert_file and key_file belong together"))
	}
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, errors.Join(problems...)
}

// routes are all subjects to listen to.
func (o Options) routes() ([]route, error) {
	both := []string{tokenService, tokenInstance}
	routes := []route{
		{subject: o.Prefix + ".health.*.*", tokens: both, kind: kindHealth},
		{subject: o.Prefix + ".deploy.*", tokens: both[:1], kind: kindDeploy},
		{subject: o.Prefix + ".signal.*", tokens: both[:1], kind: kindSignal},
	}
	var problems []error
	for _, m := range o.Maps {
		if m.Kind != kindHealth && m.Kind != kindDeploy && m.Kind != kindSignal {
			problems = append(problems, fmt.Errorf("nats.map %s: kind %q is not supported (want health, deploy or signal)", m.Subject, m.Kind))
		}
		if ours := o.echoes(m.Subject); ours != "" {
			problems = append(problems, fmt.Errorf("nats.map %s: it would take in what rollbackd itself publishes on %s", m.Subject, ours))
		}
		routes = append(routes, route{subject: m.Subject, tokens: m.Tokens, kind: m.Kind})
	}
	seen := map[string]bool{}
	for i := range routes {
		if err := routes[i].check(); err != nil {
			problems = append(problems, err)
		}
		if seen[routes[i].subject] {
			problems = append(problems, fmt.Errorf("nats: subject %s is listened to twice", routes[i].subject))
		}
		seen[routes[i].subject] = true
	}
	return routes, errors.Join(problems...)
}

// covers tells whether every subject that b matches is also one of a.
func covers(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i, token := range as {
		switch {
		case token == ">":
			return len(bs) > i
		case i >= len(bs) || bs[i] == ">":
			return false
		case token != "*" && token != bs[i]:
			return false
		}
	}
	return len(as) == len(bs)
}

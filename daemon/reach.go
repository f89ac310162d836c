package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

// reachWithin is how long a receiver has to take a connection.
const reachWithin = 5 * time.Second

// reachAll finds out whether receivers could be told: those that are named, or all.
func (h *house) reachAll(ctx context.Context, c *config.Config, names []string) []incident.RehearsalLine {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(c.Receivers))
	}
	if len(names) == 0 {
		return []incident.RehearsalLine{{About: "receivers", Found: incident.FindingNotKnown, Why: "none is configured: messages are only in the log"}}
	}
	var lines []incident.RehearsalLine
	for _, name := range names {
		r := c.Receivers[name]
		for _, kind := range r.Channels() {
			line := incident.RehearsalLine{About: "receivers", Name: outboxName(r, kind)}
			line.Found, line.Why = reachChannel(ctx, r, kind)
			lines = append(lines, line)
		}
	}
	return lines
}

// reach makes a connection to a webhook's host, with TLS where it has that, and
// ends it again. Nothing is sent: a message that says nothing is one too many.
func reach(ctx context.Context, hook *config.Webhook) (incident.Finding, string) {
	u, err := url.Parse(hook.URL)
	if err != nil {
		return incident.FindingProblem, "its url cannot be read" // the text may hold a secret
	}
	if !hook.Secret.IsZero() {
		if _, err := hook.Secret.Read(); err != nil {
			return incident.FindingProblem, "its signing secret: " + err.Error()
		}
	}
	if proxied(hook.HTTP, u) {
		return incident.FindingNotKnown, "not checked: it is reached through a proxy"
	}
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	address := net.JoinHostPort(u.Hostname(), portOf(u))
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return incident.FindingProblem, fmt.Sprintf("no connection to %s: %v", address, err)
	}
	defer func() { _ = conn.Close() }() // nothing was written
	if u.Scheme != "https" {
		return incident.FindingOK, "connected to " + address
	}
	options, err := promconfig.NewTLSConfig(&hook.HTTP.TLSConfig)
	if err != nil {
		return incident.FindingProblem, fmt.Sprintf("its TLS options: %v", err)
	}
	if options.ServerName == "" {
		options.ServerName = u.Hostname()
	}
	if err := tls.Client(conn, options).HandshakeContext(ctx); err != nil {
		return incident.FindingProblem, fmt.Sprintf("TLS with %s: %v", address, err)
	}
	return incident.FindingOK, "connected to " + address + " with TLS"
}

// proxied tells whether requests to an address go through a proxy: a connection of
// our own would then say nothing.
func proxied(o promconfig.HTTPClientConfig, u *url.URL) bool {
	choose := o.Proxy()
	if choose == nil {
		return false
	}
	via, err := choose(&http.Request{URL: u})
	return err != nil || via != nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

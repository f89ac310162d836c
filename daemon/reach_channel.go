package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/notify"
)

// Where channels are that have an address of their own.
const (
	slackAddress      = "https://slack.com"
	statusPageAddress = "https://api.statuspage.io"
)

// reachChannel finds out whether a receiver could be told by one of its channels,
// without telling it anything.
func reachChannel(ctx context.Context, r config.Receiver, kind string) (incident.Finding, string) {
	switch kind {
	case "webhook":
		return reach(ctx, r.Webhook)
	case "slack":
		return reachSlack(ctx, r.Slack)
	case "pagerduty":
		return reachWith(ctx, "routing key", r.PagerDuty.RoutingKey, config.Webhook{URL: cmp.Or(r.PagerDuty.URL, notify.PagerDutyURL), Client: r.PagerDuty.Client})
	case "status_page":
		return reachWith(ctx, "token", r.StatusPage.Token, config.Webhook{URL: cmp.Or(r.StatusPage.URL, statusPageAddress), Client: r.StatusPage.Client})
	case "alertmanager":
		return reachCluster(ctx, r.Alertmanager)
	case "email":
		return reachMail(ctx, r.Email)
	case "exec":
		if _, err := exec.LookPath(r.Exec.Command[0]); err != nil {
			return incident.FindingProblem, fmt.Sprintf("the program %q is not there, or not executable", r.Exec.Command[0])
		}
		return incident.FindingOK, "the program is there"
	}
	return reachShoutrrr(r.Shoutrrr)
}

// reachWith is reach for a channel with a secret of its own.
func reachWith(ctx context.Context, what string, secret config.SecretRef, at config.Webhook) (incident.Finding, string) {
	if _, err := secret.Read(); err != nil {
		return incident.FindingProblem, "its " + what + ": " + err.Error()
	}
	return reach(ctx, &at)
}

func reachSlack(ctx context.Context, s *config.Slack) (incident.Finding, string) {
	if s.WebhookURL.IsZero() {
		return reachWith(ctx, "token", s.Token, config.Webhook{URL: cmp.Or(s.APIURL, slackAddress), Client: s.Client})
	}
	address, err := s.WebhookURL.Read()
	if err != nil {
		return incident.FindingProblem, "its incoming webhook: " + err.Error()
	}
	return reach(ctx, &config.Webhook{URL: address, Client: s.Client})
}

// reachCluster wants one member: that one tells the others.
func reachCluster(ctx context.Context, a *config.Alertmanager) (found incident.Finding, why string) {
	for _, u := range a.URLs {
		if found, why = reach(ctx, &config.Webhook{URL: u, Client: a.Client}); found == incident.FindingOK {
			break
		}
	}
	return found, why
}

func reachMail(ctx context.Context, e *config.Email) (incident.Finding, string) {
	if !e.Password.IsZero() {
		if _, err := e.Password.Read(); err != nil {
			return incident.FindingProblem, "its password: " + err.Error()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Smarthost)
	if err != nil {
		return incident.FindingProblem, fmt.Sprintf("no connection to %s: %v", e.Smarthost, err)
	}
	_ = conn.Close() // nothing was written
	return incident.FindingOK, "connected to " + e.Smarthost
}

func reachShoutrrr(s *config.Shoutrrr) (incident.Finding, string) {
	address, err := s.URL.Read()
	if err == nil {
		err = notify.CheckShoutrrr(address)
	}
	if err != nil {
		return incident.FindingProblem, err.Error()
	}
	return incident.FindingNotKnown, "not checked: only a message would show whether the service takes it"
}

package notify

import (
	"context"
	"strings"
)

// slackHook is the body of an incoming webhook's request.
type slackHook struct {
	Text        string `json:"text"`
	Markdown    bool   `json:"mrkdwn"`
	Parse       string `json:"parse"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

// hook posts to an incoming webhook, which says "ok" once it has taken a message.
func (s *Slack) hook(ctx context.Context, m Message) error {
	address, err := readSecret("slack webhook_url", s.options.WebhookURL)
	if err != nil {
		return err
	}
	if _, err := httpAddress(address); err != nil {
		return &DeliveryError{Problem: "slack webhook_url: what is kept there is not an http or https address", Refused: true}
	}
	body, err := postJSON(ctx, s.client, s.options.Clock, address, slackHook{Text: s.letter(m).plain, Parse: "none"})
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(body)) != "ok" {
		return &DeliveryError{Problem: `answered, and not with "ok"` + excerpt(body)}
	}
	return nil
}

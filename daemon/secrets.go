package daemon

import (
	"strings"

	"github.com/rollbackd/rollbackd/config"
)

// shortestSecret is the length below which a secret is not masked: a word that
// short would black out half of what a step wrote.
const shortestSecret = 6

// mask hides the configuration's secrets in what a step wrote. They are read
// anew each time, as they may have been rotated.
func (h *house) mask(text string) string {
	for _, ref := range secretsOf(h.config.Load()) {
		secret, err := ref.Read()
		if err != nil || len(secret) < shortestSecret {
			continue // what cannot be read here was not used either
		}
		text = strings.ReplaceAll(text, secret, "<secret>")
	}
	return text
}

func secretsOf(c *config.Config) []config.SecretRef {
	refs := []config.SecretRef{c.NATS.Password, c.NATS.Token}
	for _, r := range c.Receivers {
		if r.Webhook != nil {
			refs = append(refs, r.Webhook.Secret)
		}
	}
	return refs
}

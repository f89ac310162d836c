package daemon

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/config"
)

// shortestSecret is the length below which a secret is not masked: a word that
// short would black out half of what a step wrote.
const shortestSecret = 6

// mask hides the configuration's secrets, and the gate's key, in what a step
// wrote. They are read anew each time, as they may have been rotated. The token of
// a run is hidden by whoever gives it to its steps.
func (h *house) mask(text string) string {
	var words []string
	if len(h.gate) > 0 {
		words = append(words, hex.EncodeToString(h.gate))
		words = append(words, disguises(string(h.gate))...)
	}
	return hide(text, h.config.Load(), words)
}

// hide hides a configuration's secrets, and further words, in a text.
func hide(text string, c *config.Config, words []string) string {
	for _, secret := range secretsOf(c) {
		if secret = strings.TrimSpace(secret); len(secret) >= shortestSecret {
			words = append(words, disguises(secret)...)
		}
	}
	// The longest first: what holds another must not be cut apart by it.
	slices.SortFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, word := range words {
		text = strings.ReplaceAll(text, word, "<secret>")
	}
	return text
}

// disguises are a secret as it looks itself, in base64, in a URL and in JSON, where
// some escape more than they must.
func disguises(secret string) []string {
	raw := []byte(secret)
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
	quoted, _ := json.Marshal(secret) // a text always can be
	return []string{
		escaped, strings.ReplaceAll(escaped, "/", `\/`), string(quoted[1:max(1, len(quoted)-1)]),
		secret, url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw),
		base64.URLEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
}

// secretsOf reads all secrets of a configuration. What cannot be read here was
// not used either.
func secretsOf(c *config.Config) []string {
	refs := []config.SecretRef{c.NATS.Password, c.NATS.Token, c.NATS.NKeyFile}
	files := clientSecrets(c.Prometheus.HTTP)
	for _, r := range c.Receivers {
		own, clients := r.Secrets()
		refs = append(refs, own...)
		for _, client := range clients {
			files = append(files, clientSecrets(client.HTTP)...)
		}
	}
	var secrets []string
	for _, ref := range refs {
		if secret, err := ref.Read(); err == nil {
			secrets = append(secrets, secret)
		}
	}
	for _, path := range files {
		if text, err := os.ReadFile(path); err == nil {
			secrets = append(secrets, string(text))
		}
	}
	return secrets
}

// clientSecrets are the files in which an HTTP client's secrets are kept. Keys of
// certificates are not among them: they are no words that a step would write.
func clientSecrets(o promconfig.HTTPClientConfig) []string {
	files := []string{o.BearerTokenFile}
	if o.BasicAuth != nil {
		files = append(files, o.BasicAuth.PasswordFile)
	}
	if o.Authorization != nil {
		files = append(files, o.Authorization.CredentialsFile)
	}
	if o.OAuth2 != nil {
		files = append(files, o.OAuth2.ClientSecretFile)
	}
	if o.HTTPHeaders != nil {
		for _, header := range o.HTTPHeaders.Headers {
			files = append(files, header.Files...)
		}
	}
	return slices.DeleteFunc(files, func(path string) bool { return path == "" })
}

package prom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/prometheus/common/config"
)

// Whom says who is asked, and as whom, in a text that is equal where the answers
// are: one URL gives each tenant another history. HTTP options are in it as a hash:
// headers with their plain values, names of users and of files, and nothing of what
// secrets hold.
func (s *Source) Whom() string {
	options := config.DefaultHTTPClientConfig
	if s.opt.HTTP != nil {
		options = *s.opt.HTTP
	}
	sum := sha256.Sum256([]byte(options.String())) // String hides secrets
	data, err := json.Marshal(append([]string{hex.EncodeToString(sum[:])}, s.opt.URLs...))
	if err != nil {
		return "" // strings always marshal
	}
	return string(data)
}

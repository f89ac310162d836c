package bus

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// The kinds of events.
const (
	kindHealth = "health"
	kindDeploy = "deploy"
	kindSignal = "signal"
)

// The names a token of a subject can have.
const (
	tokenService  = "service"
	tokenInstance = "instance"
)

// route is one subject that is listened to.
type route struct {
	subject string
	tokens  []string
	kind    string
}

func (r route) check() error {
	wildcards := 0
	for token := range strings.SplitSeq(r.subject, ".") {
		switch {
		case token == "" || strings.ContainsAny(token, " \t\r\n"):
			return fmt.Errorf("nats: subject %q has an empty token or white space in it", r.subject)
		case token == "*":
			wildcards++
		case strings.ContainsAny(token, "*>"):
			return fmt.Errorf("nats: subject %q: want each * as a whole token, and no >", r.subject)
		}
	}
	if wildcards != len(r.tokens) {
		return fmt.Errorf("nats: subject %q has %d wildcards and %d tokens (want one name for each *)", r.subject, wildcards, len(r.tokens))
	}
	for _, name := range r.tokens {
		if name != tokenService && name != tokenInstance && name != "" {
			return fmt.Errorf("nats: subject %q: token %q is not known (want service, instance or empty)", r.subject, name)
		}
	}
	return nil
}

// names takes the service and the instance out of a subject that the route
// matches. Either is empty when the subject does not name it; ok is false when
// the subject is not one of the route or a token cannot be decoded.
func (r route) names(subject string) (service, instance string, ok bool) {
	pattern, rest, next := r.subject, subject, 0
	for pattern != "" {
		var want, got string
		want, pattern, _ = strings.Cut(pattern, ".")
		got, rest, _ = strings.Cut(rest, ".")
		if want != "*" {
			if want != got {
				return "", "", false
			}
			continue
		}
		value, decoded := decodeToken(got)
		if !decoded {
			return "", "", false
		}
		switch r.tokens[next] {
		case tokenService:
			service = value
		case tokenInstance:
			instance = value
		}
		next++
	}
	return service, instance, rest == ""
}

// decodeToken reads a name out of a token. A name that a token cannot hold, such
// as one with a dot, is "=" and its base64url without padding.
func decodeToken(token string) (string, bool) {
	encoded, is := strings.CutPrefix(token, "=")
	if !is {
		return token, token != ""
	}
	name, err := base64.RawURLEncoding.DecodeString(encoded)
	return string(name), err == nil && len(name) > 0
}

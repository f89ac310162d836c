package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// Public is the configuration in force, defaults filled in, for whoever may read:
// more are let in than may read the file. Beside what Effective masks it hides
// the values of headers and bodies, arguments that look like credentials, the paths
// of receivers' addresses, and any part of an address that looks like a token.
func (c *Config) Public() (map[string]any, error) {
	text, err := encode(c.tree(printing{address: func(u string) any { return u }}))
	if err != nil {
		return nil, fmt.Errorf("writing the effective configuration: %w", err)
	}
	var all map[string]any
	if _, err := toml.Decode(string(text), &all); err != nil {
		return nil, fmt.Errorf("reading the effective configuration: %w", err)
	}
	m := newMask()
	for key, value := range all {
		m.receiver = key == "receivers"
		all[key] = m.value(key, value)
	}
	return all, nil
}

// PublicTOML is Public as TOML.
func (c *Config) PublicTOML() ([]byte, error) {
	all, err := c.Public()
	if err != nil {
		return nil, err
	}
	return encode(tree(all))
}

// mask hides what may be a secret.
type mask struct {
	address *regexp.Regexp
	// receiver is true within [receivers], where a path is often all that it takes
	// to post.
	receiver bool
}

func newMask() *mask {
	return &mask{address: regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]*`)}
}

// value masks a value by its key and what it is.
func (m *mask) value(key string, v any) any {
	switch v := v.(type) {
	case string:
		return m.text(key, v)
	case map[string]any:
		for k, inner := range v {
			if headersKey(key) && !strings.HasSuffix(key, "_files") {
				v[k] = hidden(inner)
				continue
			}
			v[k] = m.value(k, inner)
		}
		return v
	case []map[string]any:
		for i := range v {
			v[i], _ = m.value(key, v[i]).(map[string]any)
		}
		return v
	case []any:
		return m.list(key, v)
	}
	return v
}

// headersKey tells whether a table by this name holds headers.
func headersKey(key string) bool {
	return key == "headers" || key == "http_headers" || key == "proxy_connect_header"
}

// hidden is a header's value, or a table of them, of which files may be shown.
func hidden(v any) any {
	of, isTable := v.(map[string]any)
	if !isTable {
		return masked
	}
	for key := range of {
		if key != "files" {
			of[key] = masked
		}
	}
	return of
}

func (m *mask) text(key, text string) string {
	if _, secret := inlineSecret(key); secret || key == "body" {
		return masked
	}
	return m.address.ReplaceAllStringFunc(text, m.url)
}

// list masks a list. In the arguments of a program a credential stands behind its
// option, or behind the option and an equals sign.
func (m *mask) list(key string, items []any) []any {
	after := false
	for i, item := range items {
		text, isText := item.(string)
		if !isText {
			items[i] = m.value(key, item)
			continue
		}
		name, _, assigned := strings.Cut(strings.TrimLeft(text, "-"), "=")
		option := strings.HasPrefix(text, "-")
		switch {
		case after && !option:
			items[i] = masked
		case assigned && credential(name):
			items[i] = text[:strings.Index(text, "=")+1] + masked
		default:
			items[i] = m.text(key, text)
		}
		after = option && !assigned && credential(name)
	}
	return items
}

// credential tells whether an argument by this name holds a secret.
func credential(name string) bool {
	return secretParameter(strings.ReplaceAll(strings.TrimSpace(name), "-", "_")) || secretHeader(name)
}

// url masks an address: user and password, the values of the query, and those parts
// of the path that look like a token.
func (m *mask) url(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = masked + host[at:]
	}
	out := scheme + "://" + host
	if hasPath {
		out += "/" + m.path(path)
	}
	if hasQuery {
		out += "?" + maskedQuery(query)
	}
	if hasFragment && fragment != "" {
		out += "#" + masked
	}
	return out
}

func (m *mask) path(path string) string {
	if m.receiver && strings.Trim(path, "/") != "" {
		return masked
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if looksLikeToken(part) {
			parts[i] = masked
		}
	}
	return strings.Join(parts, "/")
}

func maskedQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, value, found := strings.Cut(part, "="); found && (!strings.HasPrefix(value, "${") || secretParameter(name)) {
			parts[i] = name + "=" + masked
		}
	}
	return strings.Join(parts, "&")
}

// looksLikeToken tells whether a part of a path is long and not made of words. A
// placeholder is what it says.
func looksLikeToken(part string) bool {
	if len(part) < 16 || strings.Contains(part, "${") {
		return false
	}
	digit, upper, lower := false, false, false
	for _, r := range part {
		digit = digit || unicode.IsDigit(r)
		upper = upper || unicode.IsUpper(r)
		lower = lower || unicode.IsLower(r)
	}
	return digit || upper && lower
}

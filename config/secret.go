package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// masked is what stands wherever a secret would be printed.
const masked = "<secret>"

// Secret is a value that prints as <secret> in every format, in JSON and in
// TOML. Convert it to a string to use it.
type Secret string

// String is the mask.
func (Secret) String() string { return masked }

// GoString is the mask, for %#v.
func (Secret) GoString() string { return masked }

// Format writes the mask whatever the verb.
func (Secret) Format(f fmt.State, _ rune) {
	// A failing writer is the caller's to notice; there is no way to say so here.
	_, _ = f.Write([]byte(masked))
}

// MarshalText is the mask, for JSON, TOML and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// SecretRef is where a secret is kept: in a file or in an environment variable.
// The zero value is no secret. It never holds the secret itself.
type SecretRef struct {
	// File is the path as written; Env the variable's name. One at most is set.
	File, Env string
	// dir is the folder a relative File starts from.
	dir string
}

// IsZero tells whether no secret was configured.
func (s SecretRef) IsZero() bool { return s.File == "" && s.Env == "" }

// Path is where the file is now: a relative name is looked for in
// $CREDENTIALS_DIRECTORY first, then beside the configuration file. It is empty
// where there is no file.
func (s SecretRef) Path() string {
	if s.File == "" {
		return ""
	}
	return resolveFile(s.dir, s.File)
}

// Read gets the secret, without the line end that editors put after it. It is
// read anew each time, so that a rotated secret is used without a restart. An
// empty secret is an error.
func (s SecretRef) Read() (string, error) {
	if s.Env != "" {
		v := os.Getenv(s.Env)
		if v == "" {
			return "", fmt.Errorf("the environment variable %s, which should hold a secret, is empty or not set", s.Env)
		}
		return v, nil
	}
	if s.File == "" {
		return "", errors.New("no secret is configured")
	}
	data, err := os.ReadFile(s.Path())
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fmt.Errorf("the secret file %s is empty", s.Path())
	}
	return text, nil
}

func resolveFile(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	if credentials := os.Getenv("CREDENTIALS_DIRECTORY"); credentials != "" {
		there := filepath.Join(credentials, name)
		// The folder is systemd's and the name the configuration's: both are the
		// administrator's own words.
		if _, err := os.Stat(there); err == nil { //nolint:gosec // see above
			return there
		}
	}
	joined := filepath.Join(dir, name)
	if abs, err := filepath.Abs(joined); err == nil {
		return abs
	}
	return joined
}

// dirOf is the folder that relative files named at p start from.
func (w *walk) dirOf(p *path) string {
	if file := w.at(p, "").File; file != w.main {
		return filepath.Dir(file)
	}
	return w.dir
}

// secret reads NAME_file or NAME_env.
func (t *table) secret(name string) SecretRef {
	file, env := name+"_file", name+"_env"
	ref := SecretRef{File: t.str(file, ""), Env: t.str(env, ""), dir: t.dirOf(t.key(file))}
	if t.has(file) && t.has(env) {
		t.errorf(t.key(env), "%s and %s are two places for one secret: keep one", file, env)
		ref.Env = ""
	}
	return ref
}

// secretFile reads a file that holds a secret in a form that must be a file.
func (t *table) secretFile(key string) SecretRef {
	return SecretRef{File: t.str(key, ""), dir: t.dirOf(t.key(key))}
}

// inlineSecret tells whether a key by this name could only hold a secret, and
// what to write instead.
func inlineSecret(key string) (instead string, secret bool) {
	switch strings.ToLower(key) {
	case "creds", "nkey", "key", "client_key":
		return fmt.Sprintf("write %s_file, the path of a file that holds it", key), true
	case "password", "passwd", "passphrase", "token", "bearer_token", "credentials", "secret", "client_secret",
		"api_key", "apikey", "api_token", "access_token", "auth_token", "private_key", "seed", "webhook_secret",
		"client_certificate_key", "routing_key", "webhook_url":
		return fmt.Sprintf("write %s_file or %s_env, the place where it is kept", key, key), true
	}
	return "", false
}

// secretHeader tells whether a header by this name carries a credential.
func secretHeader(name string) bool {
	n := strings.ToLower(name)
	switch n {
	case "authorization", "proxy-authorization", "cookie":
		return true
	}
	for _, part := range []string{"token", "secret", "api-key", "apikey", "password", "signature"} {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

// url reads an address of one of the schemes. A password within it is an inline
// secret.
func (t *table) url(key string, schemes ...string) string {
	text := t.text(key, "")
	if text == "" {
		if t.has(key) {
			t.errorf(t.key(key), "want an address such as \"%s://host:port\"", schemes[0])
		}
		return ""
	}
	t.checkURL(t.key(key), text, schemes...)
	return text
}

func (w *walk) checkURL(at *path, text string, schemes ...string) {
	u, err := url.Parse(text)
	if err != nil {
		// The library's error repeats the address, and with it any password.
		w.errorf(at, "not a valid address (want for example \"%s://host:port\")", schemes[0])
		return
	}
	known := false
	for _, s := range schemes {
		known = known || u.Scheme == s
	}
	if !known || u.Host == "" {
		w.errorf(at, "want an address that begins with %s", strings.Join(schemes, ":// or ")+"://")
	}
	if u.User != nil {
		// Even a name alone: to NATS that is a token.
		w.errorf(at, "a secret may not stand in the file: take the user and password out of the address and name a *_file instead")
	}
}

// secretParameter tells whether a query's parameter by this name, as it stands in
// the address, carries a credential.
func secretParameter(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	switch strings.ToLower(name) {
	case "sig", "auth", "access_key", "auth_key":
		return true
	}
	_, secret := inlineSecret(name)
	return secret || secretHeader(name)
}

// checkParameters refuses credentials in the query of a step's address: steps are
// journalled, and shown to whoever may read. A value that is made of ${…} alone is
// none.
func (w *walk) checkParameters(at *path, text string) {
	text, _, _ = strings.Cut(placeholder().ReplaceAllString(text, ""), "#")
	_, query, _ := strings.Cut(text, "?")
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		if value != "" && secretParameter(name) {
			w.errorf(at, "a secret may not stand in the file, and the parameter %q looks like one: send it in a header, and write header_files = { Authorization = \"file\" }", name)
		}
	}
}

// ShownURL is an address of the configuration as Effective shows it.
func ShownURL(text string) string { return maskURL(text) }

// maskURL hides the values of a query that look like credentials: some services
// hand out addresses that are themselves a secret.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.RawQuery == "" {
		return text
	}
	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		name, _, found := strings.Cut(part, "=")
		if found && secretParameter(name) {
			parts[i] = name + "=" + masked
		}
	}
	base, _, _ := strings.Cut(text, "?")
	return base + "?" + strings.Join(parts, "&")
}

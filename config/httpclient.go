package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v2"
)

// httpClient reads Prometheus's own HTTP client options, under their own names.
// Their type has no TOML tags, so the table goes through YAML; what that says of
// lines is turned back into our keys. It returns the options and the table as
// written, for printing.
func (t *table) httpClient(key string) (promconfig.HTTPClientConfig, map[string]any) {
	s := t.sub(key, "")
	if s == nil || s.sketch != nil {
		t.says(key, httpForm())
		return promconfig.DefaultHTTPClientConfig, nil
	}
	before := len(t.report.Errors)
	vals := s.httpTable(s.path, s.vals)
	if len(t.report.Errors) > before {
		// A secret may be among the values, and YAML's errors repeat them.
		return promconfig.DefaultHTTPClientConfig, nil
	}
	text, err := yaml.Marshal(vals)
	if err != nil {
		t.errorf(s.path, "cannot be written as YAML: %v", err)
		return promconfig.DefaultHTTPClientConfig, nil
	}
	client := promconfig.DefaultHTTPClientConfig
	if err := yaml.UnmarshalStrict(text, &client); err != nil {
		s.yamlErrors(err, strings.Split(string(text), "\n"))
		return promconfig.DefaultHTTPClientConfig, nil
	}
	return client, s.vals
}

// httpTable copies a table with its file names made absolute, and refuses
// secrets in it, to any depth.
func (w *walk) httpTable(at *path, vals map[string]any) map[string]any {
	out := make(map[string]any, len(vals))
	for _, k := range slices.Sorted(maps.Keys(vals)) {
		p := at.key(k)
		out[k] = vals[k]
		switch v := vals[k].(type) {
		case map[string]any:
			if k == "http_headers" {
				out[k] = w.httpHeaders(p, v)
				continue
			}
			if k == "proxy_connect_header" {
				w.errorf(p, "a secret may not stand in the file: Prometheus takes these headers for secrets and has no file for them")
				continue
			}
			out[k] = w.httpTable(p, v)
		case string:
			out[k] = w.httpString(p, k, v)
		}
	}
	return out
}

func (w *walk) httpString(p *path, key, v string) string {
	if _, secret := inlineSecret(key); secret {
		w.errorf(p, "a secret may not stand in the file: write %s_file, the path of a file that holds it", key)
		return ""
	}
	switch {
	case strings.HasSuffix(key, "_ref"):
		w.errorf(p, "there is no secret manager to ask: write %s_file", strings.TrimSuffix(key, "_ref"))
	case key == "proxy_url" || key == "token_url":
		w.checkURL(p, v, "http", "https", "socks5")
	case strings.HasSuffix(key, "_file") && v != "":
		return resolveFile(w.dirOf(p), v)
	}
	return v
}

// httpHeaders is http_headers: for each header its values or files.
func (w *walk) httpHeaders(at *path, headers map[string]any) map[string]any {
	out := make(map[string]any, len(headers))
	for name, raw := range headers {
		out[name] = raw
		vals, ok := raw.(map[string]any)
		if !ok {
			continue
		}
		header := maps.Clone(vals)
		if _, inline := vals["secrets"]; inline {
			w.errorf(at.key(name).key("secrets"), "a secret may not stand in the file: write files")
		}
		if _, inline := vals["values"]; inline && secretHeader(name) {
			w.errorf(at.key(name).key("values"), "a secret may not stand in the file: write files")
		}
		if files, ok := vals["files"].([]any); ok {
			absolute := slices.Clone(files)
			for i, f := range files {
				if s, ok := f.(string); ok {
					absolute[i] = resolveFile(w.dirOf(at), s)
				}
			}
			header["files"] = absolute
		}
		out[name] = header
	}
	return out
}

// yamlErrors reports what the YAML decoder found, at our keys.
func (t *table) yamlErrors(err error, lines []string) {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		t.errorf(t.path, "%v", err)
		return
	}
	withLine := regexp.MustCompile(`^line (\d+): (.*)$`)
	unknown := regexp.MustCompile(`^field (\S+) not found in type`)
	for _, text := range typed.Errors {
		m := withLine.FindStringSubmatch(text)
		if m == nil {
			t.errorf(t.path, "%s", text)
			continue
		}
		n, _ := strconv.Atoi(m[1])
		at := yamlPath(t.path, lines, n-1)
		if u := unknown.FindStringSubmatch(m[2]); u != nil {
			t.errorf(at, "unknown key %q%s", u[1], meant(u[1], httpKeys()))
			continue
		}
		t.errorf(at, "%s", wrongType(m[2]))
	}
}

// wrongType says in our words what YAML says in its own.
func wrongType(text string) string {
	m := regexp.MustCompile(`^cannot unmarshal !!\S+ .*into (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return text
	}
	switch m[1] {
	case "bool":
		return "want true or false"
	case "string", "config.Secret":
		return "want a string"
	case "int", "int64":
		return "want a whole number"
	}
	if strings.HasPrefix(m[1], "[]") {
		return "want an array"
	}
	return "want a table"
}

// yamlPath is the key on a line of block YAML, found by its indentation.
func yamlPath(root *path, lines []string, n int) *path {
	if n < 0 || n >= len(lines) {
		return root
	}
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }
	var keys []string
	depth := indent(lines[n]) + 1
	for i := n; i >= 0 && depth > 0; i-- {
		name, _, isKey := strings.Cut(strings.TrimSpace(lines[i]), ":")
		if d := indent(lines[i]); isKey && d < depth {
			depth = d
			keys = append(keys, strings.Trim(name, `"'- `))
		}
	}
	slices.Reverse(keys)
	at := root
	for _, k := range keys {
		at = at.key(k)
	}
	return at
}

// httpKeys are the names of Prometheus's options, for hints.
func httpKeys() []string {
	return []string{
		"basic_auth", "username", "username_file", "password_file", "authorization", "type", "credentials_file",
		"oauth2", "client_id", "client_secret_file", "scopes", "token_url", "endpoint_params", "bearer_token_file",
		"tls_config", "ca", "ca_file", "cert", "cert_file", "key_file", "server_name", "insecure_skip_verify",
		"min_version", "max_version", "follow_redirects", "enable_http2", "proxy_url", "no_proxy",
		"proxy_from_environment", "http_headers", "values", "files",
	}
}

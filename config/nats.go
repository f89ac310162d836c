package config

import (
	"net"
	"net/url"
	"strings"
)

// NATS is [nats]. The zero value, with an empty URL, is no bus at all.
type NATS struct {
	// URL is one address, or several with commas between.
	URL string
	// CredsFile and NKeyFile are files that hold a secret; their content is not
	// read here.
	CredsFile, NKeyFile SecretRef
	User                string
	Password, Token     SecretRef
	TLS                 NATSTLS
	// Prefix begins every subject.
	Prefix string
	// Map gives a meaning to subjects of others.
	Map []NATSMap
	// RequireCorroboration lets health alone reach at most approve.
	RequireCorroboration bool

	// written tells that the table is there, with or without mistakes.
	written bool
}

// Configured tells whether there is a bus to connect to.
func (n NATS) Configured() bool { return n.URL != "" }

// NATSTLS is [nats.tls]; `tls = true` turns it on with the system's authorities.
type NATSTLS struct {
	Enabled bool
	// The files' names are absolute or empty.
	CAFile, CertFile, KeyFile string
	ServerName                string
	InsecureSkipVerify        bool
}

// NATSMap is one [[nats.map]].
type NATSMap struct {
	// Subject has one * for each of Tokens.
	Subject string
	// Tokens name what the wildcards stand for: service, instance, or "_" for
	// one that means nothing.
	Tokens []string
	// Kind is health, deploy or signal.
	Kind string
}

func readNATS(root *table) NATS {
	t := root.sub("nats", "[nats]")
	if t == nil {
		return NATS{}
	}
	n := NATS{
		written:   true,
		URL:       t.natsURL(),
		CredsFile: t.secretFile("creds_file"),
		NKeyFile:  t.secretFile("nkey_file"),
		User:      t.str("user", ""),
		Password:  t.secret("password"),
		Token:     t.secret("token"),
		Prefix:    t.str("prefix", "rollbackd.v1"),
		TLS:       t.natsTLS(),
	}
	if !validSubject(n.Prefix) {
		t.errorf(t.key("prefix"), "want words of letters, digits, '_' and '-' with dots between")
	}
	t.checkNATSAuth(n)
	for _, m := range t.list("map", "[[nats.map]]") {
		n.Map = append(n.Map, readNATSMap(m, n.Prefix))
	}
	n.RequireCorroboration = t.boolean("require_corroboration", !n.loopback() && !n.authenticated())
	t.withoutDefault("require_corroboration")
	t.done()
	return n
}

func (t *table) natsURL() string {
	text := t.required("url")
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			t.checkURL(t.key("url"), one, "nats", "tls", "ws", "wss")
		}
	}
	return text
}

func (t *table) natsTLS() NATSTLS {
	if on, isBool := t.vals["tls"].(bool); isBool {
		return NATSTLS{Enabled: t.boolean("tls", on)}
	}
	s := t.sub("tls", "[nats.tls]")
	if s == nil {
		return NATSTLS{}
	}
	tls := NATSTLS{
		Enabled:            true,
		CAFile:             s.file("ca_file"),
		CertFile:           s.file("cert_file"),
		KeyFile:            s.file("key_file"),
		ServerName:         s.str("server_name", ""),
		InsecureSkipVerify: s.boolean("insecure_skip_verify", false),
	}
	t.or("tls", object{"type": "boolean"})
	s.later("handshake_first")
	if (tls.CertFile == "") != (tls.KeyFile == "") {
		s.errorf(s.path, "cert_file and key_file go together")
	}
	s.done()
	return tls
}

// file reads the name of a file and makes it absolute.
func (t *table) file(key string) string {
	name := t.str(key, "")
	if name == "" {
		return ""
	}
	return resolveFile(t.dirOf(t.key(key)), name)
}

func (t *table) checkNATSAuth(n NATS) {
	ways := 0
	for _, used := range []bool{!n.CredsFile.IsZero(), !n.NKeyFile.IsZero(), n.User != "" || !n.Password.IsZero(), !n.Token.IsZero()} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		t.errorf(t.path, "more than one of creds_file, nkey_file, user and token_file is written: keep one")
	}
	if n.User != "" && n.Password.IsZero() {
		t.errorf(t.key("user"), "needs password_file or password_env")
	}
	if n.User == "" && !n.Password.IsZero() {
		t.errorf(t.path, "a password needs \"user\"")
	}
}

func readNATSMap(t *table, prefix string) NATSMap {
	m := NATSMap{
		Subject: t.required("subject"),
		Tokens:  t.strings("tokens"),
		Kind:    t.choice("kind", "health", "health", "deploy", "signal"),
	}
	t.must("kind", " (want health, deploy or signal)")
	t.items("tokens", object{"enum": []string{"service", "instance", "_"}})
	if !validSubject(strings.ReplaceAll(m.Subject, "*", "x")) {
		t.errorf(t.key("subject"), "want words and * with dots between")
	}
	if echoes(prefix, m.Subject) {
		t.errorf(t.key("subject"), "would take in what rollbackd itself publishes below %q", prefix)
	}
	if stars := strings.Count(m.Subject, "*"); stars != len(m.Tokens) {
		t.errorf(t.key("tokens"), "the subject has %d wildcards and there are %d tokens", stars, len(m.Tokens))
	}
	for i, token := range m.Tokens {
		switch token {
		case "service", "instance", "_":
		default:
			t.errorf(t.key("tokens").index(i), "unknown token %q%s", token, meant(token, []string{"service", "instance", "_"}))
		}
	}
	t.done()
	return m
}

// echoes tells whether a subject matches something that goes out below the prefix.
func echoes(prefix, subject string) bool {
	words := strings.Split(subject, ".")
	for _, ours := range []string{".event.*.*", ".journal.*"} {
		out := strings.Split(prefix+ours, ".")
		same := len(out) == len(words)
		for i := 0; same && i < len(out); i++ {
			same = words[i] == out[i] || words[i] == "*" || out[i] == "*"
		}
		if same {
			return true
		}
	}
	return false
}

// validSubject accepts subjects without wildcards.
func validSubject(subject string) bool {
	for word := range strings.SplitSeq(subject, ".") {
		if !bareKey(word) {
			return false
		}
	}
	return true
}

// loopback tells whether every address is on this machine.
func (n NATS) loopback() bool {
	for one := range strings.SplitSeq(n.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return false
		}
		host := u.Hostname()
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// authenticated tells whether the server can know who publishes: we log in, so
// that it has accounts.
func (n NATS) authenticated() bool {
	return !n.CredsFile.IsZero() || !n.NKeyFile.IsZero() || !n.Password.IsZero() || !n.Token.IsZero() || n.TLS.CertFile != ""
}

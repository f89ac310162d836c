package config

import (
	"net"
	"net/mail"
	"strconv"
	"strings"
)

// Email is a list of people and the mail server that takes messages for them.
type Email struct {
	// Smarthost is host:port.
	Smarthost string
	From      string
	To        []string
	// Username is empty where the server asks for none; then so is Password.
	Username string
	Password SecretRef
	// TLS is starttls, tls or none.
	TLS string
	// CAFile is the path of further authorities that the server's certificate may
	// come from; empty has only the machine's.
	CAFile string
	// Hello is the name that we greet the server with; empty is the host's.
	Hello string

	caFile string
}

// mailTLS are the ways to speak to a mail server: the first is the default.
func mailTLS() []string { return []string{"starttls", "tls", "none"} }

func readEmail(receiver *table) *Email {
	t := receiver.sub("email", "[receivers.NAME.email]")
	if t == nil {
		return nil
	}
	e := &Email{
		Smarthost: t.required("smarthost"), From: t.required("from"), To: t.strings("to"), Username: t.str("username", ""),
		Password: t.secret("password"), TLS: t.choice("tls", mailTLS()[0], mailTLS()...), Hello: t.str("hello", ""), caFile: t.str("ca_file", ""),
	}
	if e.caFile != "" {
		e.CAFile = resolveFile(t.dirOf(t.key("ca_file")), e.caFile)
	}
	t.checkSmarthost(e.Smarthost)
	t.checkAddress(t.key("from"), e.From)
	if len(e.To) == 0 {
		t.missingOrEmpty("to")
	}
	for i, address := range e.To {
		t.checkAddress(t.key("to").index(i), address)
	}
	t.checkLogin(e)
	t.done()
	return e
}

func (t *table) missingOrEmpty(key string) {
	if t.has(key) {
		t.errorf(t.key(key), "names nobody")
		return
	}
	t.missing(key, "")
}

func (t *table) checkSmarthost(text string) {
	if text == "" {
		return // said already
	}
	host, port, err := net.SplitHostPort(text)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || strings.ContainsAny(text, " /@") {
		t.errorf(t.key("smarthost"), "want a mail server's host and port, such as \"mail.example.com:587\"")
	}
}

func (t *table) checkAddress(at *path, text string) {
	if text == "" && !strings.Contains(at.text, "[") {
		return // said already
	}
	if _, err := mail.ParseAddress(text); err != nil {
		t.errorf(at, "%q is not a mail address (want \"ops@example.com\" or \"Ops <ops@example.com>\")", text)
	}
}

func (t *table) checkLogin(e *Email) {
	_, inline := t.vals["password"]
	switch {
	case e.Username != "" && e.Password.IsZero() && !inline:
		t.needsSecret("password", ": username is there")
	case e.Username == "" && !e.Password.IsZero():
		t.missing("username", ": the password is there")
	case e.TLS == "none" && !e.Password.IsZero():
		t.warnf(t.key("tls"), "the password goes over the network for everybody to read: write tls = \"starttls\" or \"tls\"")
	}
	if strings.ContainsAny(e.Hello, " \t\r\n") {
		t.errorf(t.key("hello"), "want a host's name")
	}
}

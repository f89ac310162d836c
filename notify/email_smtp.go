package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// smtpSession is one connection to a mail server, logged in.
type smtpSession struct {
	client *smtp.Client
	// secrets are what may be in no error.
	secrets []string
	// hangUp closes the connection and lets go of the context.
	hangUp func()
}

// open connects, turns TLS on and logs in. The session ends with ctx.
func (e *Email) open(ctx context.Context) (*smtpSession, error) {
	s := &smtpSession{hangUp: func() {}}
	client, err := e.client(func(conn net.Conn) {
		// The library has timeouts of its own and does not look at ctx while it
		// reads: closing the connection is what it notices.
		free := context.AfterFunc(ctx, func() { _ = conn.Close() })
		s.hangUp = func() {
			free()
			_ = conn.Close() // it may be closed already
		}
	})
	if err != nil {
		return nil, &DeliveryError{Problem: "email: " + err.Error(), Refused: true}
	}
	s.client, err = client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		s.hangUp()
		return nil, ended(ctx, s.failure("the server "+e.options.Smarthost, err))
	}
	if err := e.login(s); err != nil {
		s.close()
		return nil, ended(ctx, err)
	}
	return s, nil
}

// ended is ctx's error where it has ended, for that is why the connection broke.
func ended(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return err
}

// client has the options of the connection; opened is called with it.
func (e *Email) client(opened func(net.Conn)) (*gomail.Client, error) {
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.options.TLSConfig != nil {
		secured = e.options.TLSConfig.Clone()
	}
	if secured.ServerName == "" {
		secured.ServerName = e.host
	}
	options := []gomail.Option{
		gomail.WithPort(e.port), gomail.WithTLSConfig(secured), gomail.WithTimeout(mailPatience),
		gomail.WithDialContextFunc(e.dial(secured, opened)),
	}
	switch e.options.TLS {
	case MailTLSOnly:
		options = append(options, gomail.WithSSL())
	case MailPlain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case MailStartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if e.options.Hello != "" {
		options = append(options, gomail.WithHELO(e.options.Hello))
	}
	return gomail.NewClient(e.host, options...)
}

// dial makes the connection ourselves, to be able to end it.
func (e *Email) dial(secured *tls.Config, opened func(net.Conn)) gomail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var conn net.Conn
		var err error
		if e.options.TLS == MailTLSOnly {
			conn, err = (&tls.Dialer{Config: secured}).DialContext(ctx, network, address)
		} else {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		}
		if err == nil {
			opened(conn)
		}
		return conn, err
	}
}

// login authenticates where there is a user name.
func (e *Email) login(s *smtpSession) error {
	if e.options.Username == "" {
		return nil
	}
	if e.options.Password == nil {
		return &DeliveryError{Problem: "email: there is a username and no password", Refused: true}
	}
	password, err := e.options.Password()
	if err != nil {
		return &DeliveryError{Problem: "the mail server's password: " + err.Error(), Refused: true}
	}
	password = strings.TrimRight(password, "\r\n")
	s.secrets = append(s.secrets, password)
	auth, err := e.auth(s.client, password)
	if err != nil {
		return err
	}
	if err := s.client.Auth(auth); err != nil {
		// What the server says is left out: it may repeat what we sent.
		problem := "the mail server refuses the login of " + e.options.Username
		answer, answered := errors.AsType[*textproto.Error](err)
		if answered {
			problem += fmt.Sprintf(" (%d)", answer.Code)
		}
		return &DeliveryError{Problem: problem, Refused: !answered || answer.Code >= 500}
	}
	return nil
}

// auth is the best way to log in that the server offers.
func (e *Email) auth(client *smtp.Client, password string) (smtp.Auth, error) {
	_, offered := client.Extension("AUTH")
	words := strings.Fields(strings.ToUpper(offered))
	inClear := e.options.TLS == MailPlain // somebody wrote that, and was warned
	user := e.options.Username
	switch {
	case slices.Contains(words, "SCRAM-SHA-256"):
		return smtp.ScramSHA256Auth(user, password), nil
	case slices.Contains(words, "PLAIN"):
		return smtp.PlainAuth("", user, password, e.host, inClear), nil
	case slices.Contains(words, "LOGIN"):
		return smtp.LoginAuth(user, password, e.host, inClear), nil
	case slices.Contains(words, "CRAM-MD5"):
		return smtp.CRAMMD5Auth(user, password), nil
	}
	return nil, &DeliveryError{Problem: "the mail server offers no login that is known here (SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5)", Refused: true}
}

// data hands the letter over. Once it is taken nothing else counts: an error after
// that would send it twice.
func (s *smtpSession) data(letter *gomail.Msg) error {
	w, err := s.client.Data()
	if err != nil {
		return s.failure("the mail", err)
	}
	if _, err := letter.WriteTo(w); err != nil {
		return s.failure("the mail", err)
	}
	if err := w.Close(); err != nil {
		return s.failure("the mail", err)
	}
	return nil
}

func (s *smtpSession) close() {
	_ = s.client.Quit() // what there was to say has been said
	s.hangUp()
}

// failure is what a server answered, or why it did not.
func (s *smtpSession) failure(about string, err error) error {
	answer, answered := errors.AsType[*textproto.Error](err)
	if !answered {
		return &DeliveryError{Problem: about + ": " + s.mask(err.Error()), Refused: refusedTLS(err)}
	}
	problem := fmt.Sprintf("%s: answered %d%s", about, answer.Code, excerpt([]byte(s.mask(answer.Msg))))
	return &DeliveryError{Problem: problem, Refused: answer.Code >= 500}
}

func (s *smtpSession) mask(text string) string {
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "<secret>")
		}
	}
	return text
}

// permanent tells whether a server refused for good.
func permanent(err error) bool {
	answer, answered := errors.AsType[*textproto.Error](err)
	return answered && answer.Code >= 500
}

// refusedTLS tells whether the server cannot be spoken to safely, which a person
// has to change.
func refusedTLS(err error) bool {
	_, unknown := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown || strings.Contains(err.Error(), "STARTTLS")
}

package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	gomail "github.com/wneessen/go-mail"
)

// EmailOptions makes an Email. Smarthost, From and To are needed.
type EmailOptions struct {
	// Smarthost is the mail server, as host:port.
	Smarthost string
	// From and To are addresses, with or without a name.
	From string
	To   []string
	// Username and Password log in where Username is not empty. Password is called
	// at each use, so that a new one counts at once; its errors must not hold any of it.
	Username string
	Password func() (string, error)
	// TLS is how to speak to the server.
	TLS MailTLS
	// TLSConfig has the authorities to believe; nil is the machine's. The server's
	// name is filled in.
	TLSConfig *tls.Config
	// Hello is the name that we greet the server with; empty is the host's.
	Hello string
	// Chart draws the evidence of a message as SVG, false where there is none to
	// draw; nil draws nothing.
	Chart func(m Message) (svg []byte, ok bool)
	// Everybody is true where a message counts as taken only by all recipients: for a
	// test. Without it a recipient that is refused for good is left out.
	Everybody bool
	// Logger logs nothing if nil.
	Logger hclog.Logger
}

// MailTLS is a way to speak to a mail server. The zero value is MailStartTLS.
type MailTLS string

// The ways to speak to a mail server.
const (
	// MailStartTLS begins in the clear and refuses to go on so.
	MailStartTLS MailTLS = "starttls"
	// MailTLSOnly is TLS from the first byte.
	MailTLSOnly MailTLS = "tls"
	// MailPlain has no TLS: what is sent can be read on the way.
	MailPlain MailTLS = "none"
)

// Email sends messages by SMTP: those of an incident are one thread. It is safe
// for concurrent use.
type Email struct {
	options    EmailOptions
	host       string
	port       int
	from       *mail.Address
	recipients []*mail.Address

	mu sync.Mutex
	// told are the recipients that have a message which others do not have yet.
	told map[string]map[string]bool
}

// mailPatience is how long one attempt may take. A server that looks for spam
// while we wait is slow, and one that we leave too early has the message and gets
// it again.
const mailPatience = time.Minute

// mostHalfTold is how many messages are remembered that some recipients have.
const mostHalfTold = 1000

// NewEmail makes a channel by e-mail; it fails on addresses that are none. It
// connects to nobody.
func NewEmail(o EmailOptions) (*Email, error) {
	e := &Email{options: o, told: map[string]map[string]bool{}}
	host, port, err := net.SplitHostPort(o.Smarthost)
	if err != nil {
		return nil, errors.New("email: smarthost is not host:port")
	}
	e.host = host
	if e.port, err = strconv.Atoi(port); err != nil || e.port < 1 || e.port > 65535 {
		return nil, errors.New("email: smarthost is not host:port")
	}
	if e.from, err = mail.ParseAddress(o.From); err != nil {
		return nil, fmt.Errorf("email: from %q is not a mail address", o.From)
	}
	for _, to := range o.To {
		address, err := mail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("email: %q is not a mail address", to)
		}
		e.recipients = append(e.recipients, address)
	}
	if len(e.recipients) == 0 {
		return nil, errors.New("email: there is nobody to send to")
	}
	if e.options.Logger == nil {
		e.options.Logger = hclog.NewNullLogger()
	}
	return e, nil
}

// Patience is how long an attempt may take: longer than a request over HTTP.
func (e *Email) Patience() time.Duration { return mailPatience }

// Deliver sends one message to all recipients. Those that the server refuses for
// good are logged and left out, unless that leaves nobody (or Everybody is asked
// for); those that it refuses for now are tried again, alone.
func (e *Email) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	letter, err := e.letter(m)
	if err != nil {
		return &DeliveryError{Problem: "the mail cannot be written: " + err.Error(), Refused: true}
	}
	s, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := e.send(s, letter, d.ID); err != nil {
		return ended(ctx, err)
	}
	return nil
}

// send hands the letter to the server for those who do not have it yet.
func (e *Email) send(s *smtpSession, letter *gomail.Msg, id string) error {
	if err := s.client.Mail(path(e.from)); err != nil {
		return s.failure("the sender "+e.from.Address, err)
	}
	var taken []string
	var refused, later []error
	for _, to := range e.recipients {
		if e.has(id, to.Address) {
			continue
		}
		err := s.client.Rcpt(path(to))
		switch {
		case err == nil:
			taken = append(taken, to.Address)
		case permanent(err):
			refused = append(refused, s.failure("the recipient "+to.Address, err))
		default:
			later = append(later, s.failure("the recipient "+to.Address, err))
		}
	}
	if len(taken) > 0 {
		if err := s.data(letter); err != nil {
			return err
		}
		for _, err := range refused {
			e.options.Logger.Error("a recipient of a mail is refused and was left out", "message", id, "err", err)
		}
	}
	return e.outcome(id, taken, refused, later)
}

// path is an address as SMTP has it.
func path(a *mail.Address) string { return "<" + a.Address + ">" }

// outcome is what became of a message whose letter was handed over for those in taken.
func (e *Email) outcome(id string, taken []string, refused, later []error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.options.Everybody && len(refused)+len(later) > 0 {
		return e.notEverybody(slices.Concat(refused, later), len(refused) > 0)
	}
	if len(later) > 0 {
		if len(e.told) > mostHalfTold {
			clear(e.told) // some get a mail twice; without end nothing is kept
		}
		if e.told[id] == nil {
			e.told[id] = map[string]bool{}
		}
		for _, address := range taken {
			e.told[id][address] = true
		}
		return later[0]
	}
	before := len(e.told[id])
	delete(e.told, id)
	if len(taken)+before == 0 && len(refused) > 0 {
		return refused[0]
	}
	return nil
}

// notEverybody names all recipients that do not have a message, and says whether
// others do.
func (e *Email) notEverybody(missing []error, refused bool) error {
	var names []string
	for _, err := range missing {
		names = append(names, err.Error())
	}
	if others := len(e.recipients) - len(missing); others > 0 {
		names = append(names, fmt.Sprintf("taken for %d of %d recipients", others, len(e.recipients)))
	}
	return &DeliveryError{Problem: strings.Join(names, "; "), Refused: refused}
}

// has tells whether a recipient took a message at an earlier attempt.
func (e *Email) has(id, address string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.told[id][address]
}

// domain is where our message ids are from: that of the sender.
func (e *Email) domain() string {
	_, domain, _ := strings.Cut(e.from.Address, "@")
	return domain
}

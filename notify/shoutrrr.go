package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// shoutrrrSlots is how many attempts of one channel may be under way. The library
// cannot be told to stop, so that one that a service never answers stays for ever.
const shoutrrrSlots = 4

// ShoutrrrOptions makes a Shoutrrr. URL is needed.
type ShoutrrrOptions struct {
	// URL reads the service's address as shoutrrr writes it: "ntfy://…",
	// "discord://token@id". It holds the service's secrets. It is called at each use,
	// so that a new one counts at once; its errors must not hold any of it.
	URL func() (string, error)
}

// Shoutrrr sends plain messages to one of the services that the shoutrrr library
// knows. It is safe for concurrent use.
type Shoutrrr struct {
	options ShoutrrrOptions
	slots   chan struct{}
}

// NewShoutrrr makes a channel by shoutrrr. The address is read at each message, so
// a wrong one is found then, or by CheckShoutrrr.
func NewShoutrrr(o ShoutrrrOptions) *Shoutrrr {
	return &Shoutrrr{options: o, slots: make(chan struct{}, shoutrrrSlots)}
}

// CheckShoutrrr says what is wrong with an address as far as that can be known
// without asking anybody. The error holds nothing of it.
func CheckShoutrrr(address string) error {
	_, err := shoutrrrService(address)
	return err
}

// Deliver sends one message's text. The library knows no context: where ctx ends
// first, the attempt goes on behind it, and only so many of those are allowed.
func (s *Shoutrrr) Deliver(ctx context.Context, d Delivery) error {
	m, err := ParseMessage(d.Payload)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	address, err := readSecret("shoutrrr url", s.options.URL)
	if err != nil {
		return err
	}
	service, err := shoutrrrService(address)
	if err != nil {
		return &DeliveryError{Problem: err.Error(), Refused: true}
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return &DeliveryError{Problem: fmt.Sprintf("shoutrrr %s: %d earlier attempts have not ended yet", service, shoutrrrSlots)}
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.slots }()
		done <- shoutrrrSend(address, plainText(m.Text))
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		if err != nil {
			problem := fmt.Sprintf("shoutrrr %s: %s", service, shoutrrrProblem(address, err))
			return &DeliveryError{Problem: problem, Refused: errors.Is(err, errShoutrrrURL)}
		}
		return nil
	}
}

// shoutrrrService is the name of an address's service: one that the library knows,
// and so no secret that somebody wrote in its place.
func shoutrrrService(address string) (string, error) {
	scheme, _, found := strings.Cut(address, "://")
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	known := (&router.ServiceRouter{}).ListServices()
	switch {
	case !found:
		return "", errors.New("shoutrrr: the url has no service (service://…)")
	case !slices.Contains(known, name):
		slices.Sort(known)
		return "", fmt.Errorf("shoutrrr: the url's service is not one of %s", strings.Join(known, ", "))
	case name == "logger":
		return "", errors.New("shoutrrr: the service logger tells nobody")
	}
	return name, nil
}

// What may be said of an attempt in words of our own.
var (
	errShoutrrrURL   = errors.New("the url is not one of this service's")
	errShoutrrrBroke = errors.New("the library broke off")
)

// shoutrrrSend makes one attempt. A service may speak to its server as soon as it
// is made, and the library panics on some wrong addresses.
func shoutrrrSend(address, text string) (err error) {
	made := false
	defer func() {
		switch {
		case recover() == nil:
		case made:
			err = errShoutrrrBroke
		default:
			err = errShoutrrrURL
		}
	}()
	service, err := (&router.ServiceRouter{}).Locate(address)
	if err != nil {
		if shoutrrrCause(err) != "" {
			return err
		}
		return errShoutrrrURL
	}
	made = true
	return service.Send(text, &types.Params{})
}

// shoutrrrStatus finds the code of an answer in an error's text.
func shoutrrrStatus() *regexp.Regexp { return regexp.MustCompile(`\b[345][0-9]{2}\b`) }

// shoutrrrProblem is what may be said of an error of the library's. Its text holds
// the address, whole or in parts, so only what is known to be harmless is taken.
func shoutrrrProblem(address string, err error) string {
	if errors.Is(err, errShoutrrrURL) || errors.Is(err, errShoutrrrBroke) {
		return err.Error()
	}
	if cause := shoutrrrCause(err); cause != "" {
		return cause
	}
	if code := shoutrrrStatus().FindString(err.Error()); code != "" && !strings.Contains(address, code) {
		return "it was not taken: probably answered " + code
	}
	return "it was not taken (the library's words are not shown, because they may hold the url)"
}

// shoutrrrCause is why the network failed, in words of our own; empty where it is
// not the network.
func shoutrrrCause(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the server's name cannot be resolved"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "no answer in time"
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	if unknown || name || invalid {
		return "the server's certificate is not trusted"
	}
	return shoutrrrPhrase(err.Error())
}

// shoutrrrPhrase is for services that hand on the network's errors as text only:
// it gives back a phrase of the standard library's, and never the text.
func shoutrrrPhrase(text string) string {
	for _, phrase := range []string{
		"connection refused", "connection reset by peer", "no such host", "network is unreachable", "no route to host",
		"i/o timeout", "Client.Timeout exceeded", "certificate signed by unknown authority", "tls: handshake failure", "unexpected EOF",
	} {
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

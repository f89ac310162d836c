package receivers_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/daemon"
	"github.com/rollbackd/rollbackd/notify"
)

// canary is the password: it may be read nowhere but at the server.
const canary = "c4nary-p4ssw0rd"

// mailbox is a real mail server with one user, and what it took.
type mailbox struct {
	address string
	// authority is a file with the certificate that it shows.
	authority string

	mu      sync.Mutex
	letters []taken
}

// taken is a mail, with how it came.
type taken struct {
	from, user string
	to         []string
	secure     bool
	text       []byte
}

// options of a mailbox: without TLS, from the first byte, and how to log in.
type options struct {
	noTLS, tlsOnly bool
	mechanism      string
	refuses        string // a recipient
}

func newMailbox(t *testing.T, o options) *mailbox {
	t.Helper()
	b := &mailbox{}
	certificate := b.certificate(t)
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{box: b, conn: c, mechanism: o.mechanism, refuses: o.refuses}, nil
	}))
	s.Domain, s.AllowInsecureAuth = "mail.example.com", o.noTLS
	s.ErrorLog = silent{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = l.Addr().String()
	if !o.noTLS {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	if o.tlsOnly {
		l = tls.NewListener(l, s.TLSConfig)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	})
	return b
}

// silent drops what the server logs of handshakes that a test breaks.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// certificate makes one for 127.0.0.1 and writes it to a file.
func (b *mailbox) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	b.authority = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(b.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (b *mailbox) got() []taken {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]taken{}, b.letters...)
}

// session is one connection. It implements smtp.AuthSession.
type session struct {
	box       *mailbox
	conn      *smtp.Conn
	mechanism string
	refuses   string
	one       taken
}

func (s *session) AuthMechanisms() []string { return []string{s.mechanism} }

func (s *session) Auth(string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != "rollbackd" || password != canary {
			// Some servers do repeat what they were sent.
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such login: " + user + " with " + password}
		}
		s.one.user = user
		return nil
	}
	if s.mechanism == "LOGIN" {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// login is the server's side of LOGIN.
type login struct {
	check func(user, password string) error
	user  string
	asked int
}

func (l *login) Next(answer []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(answer)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(answer))
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.mechanism != "" && s.one.user == "" {
		return smtp.ErrAuthRequired
	}
	s.one.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == s.refuses {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.one.to = append(s.one.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.one.text = text
	_, s.one.secure = s.conn.TLSConnectionState()
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.letters = append(s.box.letters, s.one)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// receiver is the configuration of a receiver by e-mail, as a user writes it.
func (b *mailbox) receiver(more string) string {
	return "[receivers.ops]\nemail = { smarthost = \"" + b.address + "\", from = \"rollbackd <rollbackd@example.com>\", to = [\"ops@example.com\"], ca_file = \"" + b.authority + "\"" + more + " }\n"
}

func try(t *testing.T, text string) daemon.Tried {
	t.Helper()
	c, report := config.Parse("rollbackd.toml", []byte(text))
	if c == nil {
		t.Fatal(report.Err())
	}
	tried, err := daemon.Try(t.Context(), c, "ops", clock.New(), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return tried[0]
}

func TestMailByEveryKindOfTLSAndLogin(t *testing.T) {
	t.Setenv("PASSWORD", canary)
	const credentials = `, username = "rollbackd", password_env = "PASSWORD"`
	for name, c := range map[string]struct {
		server options
		more   string
		secure bool
	}{
		"STARTTLS, no login":           {options{}, "", true},
		"STARTTLS and PLAIN":           {options{mechanism: "PLAIN"}, credentials, true},
		"STARTTLS and LOGIN":           {options{mechanism: "LOGIN"}, credentials, true},
		"TLS from the first byte":      {options{mechanism: "PLAIN", tlsOnly: true}, credentials + `, tls = "tls"`, true},
		"neither, for it says so":      {options{mechanism: "PLAIN", noTLS: true}, credentials + `, tls = "none"`, false},
		"LOGIN in the clear, the same": {options{mechanism: "LOGIN", noTLS: true}, credentials + `, tls = "none"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMailbox(t, c.server)
			if got := try(t, b.receiver(c.more)); got.Err != nil {
				t.Fatal(got.Err)
			}
			got := b.got()
			if len(got) != 1 || got[0].secure != c.secure || (got[0].user != "") != (c.server.mechanism != "") || got[0].from != "rollbackd@example.com" {
				t.Fatalf("%+v", got)
			}
			if diff := cmp.Diff([]string{"ops@example.com"}, got[0].to); diff != "" {
				t.Error(diff)
			}
			if !bytes.Contains(got[0].text, []byte("TEST of the receiver ops")) {
				t.Errorf("%s", got[0].text)
			}
		})
	}
}

func TestMailThatIsRefused(t *testing.T) {
	t.Setenv("PASSWORD", canary)
	t.Setenv("WRONG", canary+"-of-old")
	for name, c := range map[string]struct {
		server options
		more   string
		says   string
	}{
		"a wrong password":           {options{mechanism: "PLAIN"}, `, username = "rollbackd", password_env = "WRONG"`, "refuses the login of rollbackd (535)"},
		"a wrong password, by LOGIN": {options{mechanism: "LOGIN"}, `, username = "rollbackd", password_env = "WRONG"`, "refuses the login of rollbackd (535)"},
		"no login where one is asked": {
			options{mechanism: "PLAIN"}, "", "answered 502",
		},
		"a server without STARTTLS":   {options{noTLS: true}, "", "does not support STARTTLS"},
		"a login that we do not know": {options{mechanism: "GSSAPI"}, `, username = "rollbackd", password_env = "PASSWORD"`, "offers no login that is known here"},
		"a password that is not there": {
			options{mechanism: "PLAIN"}, `, username = "rollbackd", password_env = "NOT_SET"`, "NOT_SET",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMailbox(t, c.server)
			got := try(t, b.receiver(c.more))
			failure, ok := errors.AsType[*notify.DeliveryError](got.Err)
			if !ok || !failure.Refused || !strings.Contains(failure.Problem, c.says) {
				t.Errorf("got %v, want a refusal that says %q", got.Err, c.says)
			}
			clean(t, got.Err)
			if n := len(b.got()); n != 0 {
				t.Errorf("%d mails were sent", n)
			}
		})
	}
}

// A test names the recipient that is refused, though the other has the mail, and is
// marked as one whatever the receiver's own words are.
func TestOneRecipientOfTwoIsRefused(t *testing.T) {
	b := newMailbox(t, options{refuses: "gone@example.com"})
	text := strings.Replace(b.receiver(""), `["ops@example.com"]`, `["ops@example.com", "gone@example.com"]`, 1)
	got := try(t, text+`text = '{{define "first_line"}}{{.Headline}} {{.Service}}{{end}}'`+"\n")
	if got.Err == nil || !strings.Contains(got.Err.Error(), "the recipient gone@example.com: answered 550") || !strings.Contains(got.Err.Error(), "taken for 1 of 2 recipients") {
		t.Errorf("got %v", got.Err)
	}
	letters := b.got()
	if len(letters) != 1 || !bytes.Contains(letters[0].text, []byte("Subject: TEST ACTING rollbackd-test")) {
		t.Errorf("%+v", letters)
	}
}

// clean wants no sign of the password in an error, as it is or encoded.
func clean(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary))[:12], base64.StdEncoding.EncodeToString([]byte("\x00rollbackd\x00" + canary))[12:30]} {
		if strings.Contains(err.Error(), form) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestAServerThatNobodyVouchesFor(t *testing.T) {
	b := newMailbox(t, options{})
	b.authority = newMailbox(t, options{}).authority // another's
	got := try(t, b.receiver(""))
	failure, ok := errors.AsType[*notify.DeliveryError](got.Err)
	if !ok || !failure.Refused || !strings.Contains(failure.Problem, "certificate") {
		t.Errorf("got %v", got.Err)
	}
	if n := len(b.got()); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
}

// All that is said of one incident is one thread, and a message that is repeated
// has the id that it had.
func TestAnIncidentIsOneThread(t *testing.T) {
	b := newMailbox(t, options{noTLS: true})
	e, err := notify.NewEmail(notify.EmailOptions{Smarthost: b.address, From: "rollbackd@example.com", To: []string{"ops@example.com"}, TLS: notify.MailPlain})
	if err != nil {
		t.Fatal(err)
	}
	alone := 0 // about the daemon or a trigger, not an incident
	for _, m := range notify.Samples() {
		if m.Incident == "" {
			alone++
		}
		payload, err := m.Payload()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := e.Deliver(t.Context(), notify.Delivery{ID: m.ID, Incident: m.Incident, At: m.At, Payload: payload}); err != nil {
				t.Fatalf("%s: %v", m.Event, err)
			}
		}
	}
	ids, roots := map[string]int{}, map[string]int{}
	for _, l := range b.got() {
		m, err := mail.ReadMessage(bytes.NewReader(l.text))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-Id")]++
		roots[m.Header.Get("References")]++
		if m.Header.Get("References") != m.Header.Get("In-Reply-To") {
			t.Errorf("%v", m.Header)
		}
	}
	samples := len(notify.Samples())
	for id, n := range ids {
		if n != 2 {
			t.Errorf("%s came %d times, want twice", id, n)
		}
	}
	if len(ids) != samples || len(roots) != 2 || alone == 0 || roots[""] != 2*alone {
		t.Errorf("%d ids of %d messages, threads %v", len(ids), samples, roots)
	}
}

package notify_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/notify"
)

// mailServer speaks just enough SMTP, in the clear, to say no at any point.
type mailServer struct {
	address string

	mu sync.Mutex
	// says are answers other than the usual one, by the beginning of a command;
	// "DATA." is the one after a mail. "hang" answers nothing.
	says    map[string]string
	letters []letter
}

type letter struct {
	to   []string
	text string
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &mailServer{address: l.Addr().String(), says: map[string]string{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *mailServer) say(command, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer == "" {
		delete(s.says, command)
		return
	}
	s.says[command] = answer
}

func (s *mailServer) answer(command, usual string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for begins, answer := range s.says {
		if strings.HasPrefix(command, begins) {
			return answer
		}
	}
	return usual
}

func (s *mailServer) got() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.letters)
}

func (s *mailServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewScanner(conn)
	fmt.Fprint(conn, "220 peer\r\n")
	var one letter
	for in.Scan() {
		command := in.Text()
		usual := "250 OK"
		if about, address, found := strings.Cut(command, ":"); found && !strings.HasPrefix(address, "<") {
			usual = "501 5.1.7 an address of " + about + " stands in angle brackets"
		}
		if strings.HasPrefix(command, "EHLO") {
			usual = "250-peer\r\n250 8BITMIME"
		}
		if command == "DATA" {
			usual = "354 go on"
		}
		answer := s.answer(command, usual)
		if answer == "hang" {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		fmt.Fprintf(conn, "%s\r\n", answer)
		code := answer[:3]
		switch {
		case strings.HasPrefix(command, "RCPT TO:") && code == "250":
			one.to = append(one.to, strings.Trim(strings.Fields(command)[1], "TO:<>"))
		case command == "DATA" && code == "354":
			for in.Scan() && in.Text() != "." {
				one.text += strings.TrimPrefix(in.Text(), ".") + "\r\n"
			}
			answer := s.answer("DATA.", "250 taken")
			if answer[:3] == "250" {
				s.mu.Lock()
				s.letters = append(s.letters, one)
				s.mu.Unlock()
			}
			one = letter{}
			if answer == "250 and gone" {
				return
			}
			fmt.Fprintf(conn, "%s\r\n", answer)
		case command == "QUIT":
			return
		}
	}
}

func (s *mailServer) email(t *testing.T, change func(*notify.EmailOptions)) *notify.Email {
	t.Helper()
	o := notify.EmailOptions{
		Smarthost: s.address, From: "rollbackd <rollbackd@example.com>", To: []string{"a@example.com", "Bea <b@example.com>"}, TLS: notify.MailPlain,
	}
	if change != nil {
		change(&o)
	}
	e, err := notify.NewEmail(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ofEvent is the sample of an event, as the outbox hands it over.
func ofEvent(t *testing.T, event string, change func(*notify.Message)) notify.Delivery {
	t.Helper()
	all := notify.Samples()
	i := slices.IndexFunc(all, func(m notify.Message) bool { return m.Event == event })
	if i < 0 {
		t.Fatalf("no sample of %q", event)
	}
	m := all[i]
	if change != nil {
		change(&m)
	}
	payload, err := m.Payload()
	if err != nil {
		t.Fatal(err)
	}
	return notify.Delivery{ID: m.ID, Receiver: "ops", Incident: m.Incident, At: m.At, Payload: payload}
}

// parts are the bodies of a mail by their type, decoded.
func parts(t *testing.T, text string) (mail.Header, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	out := map[string]string{}
	split(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, out)
	return m.Header, out
}

func split(t *testing.T, kind, encoding string, body io.Reader, out map[string]string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if encoding == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = string(text)
		return
	}
	out[kind] = ""
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		split(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, out)
	}
}

func TestMailsOfAnIncidentAreOneThread(t *testing.T) {
	s := newMailServer(t)
	e := s.email(t, nil)
	for _, event := range []string{"acting", "closed", "disk_low", "acting"} {
		if err := e.Deliver(t.Context(), ofEvent(t, event, nil)); err != nil {
			t.Fatal(err)
		}
	}
	type ids struct{ Message, ReplyTo, References string }
	var got []ids
	for _, l := range s.got() {
		h, _ := parts(t, l.text)
		got = append(got, ids{h.Get("Message-Id"), h.Get("In-Reply-To"), h.Get("References")})
	}
	root := "<rollbackd/incident/checkout-20260301-030205@example.com>"
	first := ids{"<rollbackd/checkout-20260301-030205/acting/1@example.com>", root, root}
	want := []ids{first, {"<rollbackd/checkout-20260301-030205/closed/5@example.com>", root, root}, {Message: got[2].Message}, first}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got[2].Message, "<rollbackd/sha256-") { // its own id holds a colon
		t.Errorf("the daemon's own message has the id %s", got[2].Message)
	}
}

func TestAMailShowsTextAndChart(t *testing.T) {
	s := newMailServer(t)
	svg := `<svg xmlns="http://www.w3.org/2000/svg"/>`
	e := s.email(t, func(o *notify.EmailOptions) {
		o.Chart = func(m notify.Message) ([]byte, bool) { return []byte(svg), m.Incident != "" }
	})
	hostile := func(m *notify.Message) {
		m.FirstLine = "ACTING checkout <b>v2</b> → v1\r\nBcc: everybody@example.com\x1b[31m LIVE"
		m.Text = "ACTING checkout\nthe step said: <script>alert(1)</script>\x1b[2J & more\nrollbackd abort 'x' <i>"
	}
	if err := e.Deliver(t.Context(), ofEvent(t, "acting", hostile)); err != nil {
		t.Fatal(err)
	}
	got := s.got()[0]
	if diff := cmp.Diff([]string{"a@example.com", "b@example.com"}, got.to); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	header, bodies := parts(t, got.text)
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || subject != "ACTING checkout <b>v2</b> → v1  Bcc: everybody@example.com[31m LIVE" {
		t.Errorf("subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"Bcc": "", "Auto-Submitted": "auto-generated", "X-Rollbackd-Event": "acting", "X-Rollbackd-Service": "checkout", "X-Rollbackd-Severity": "critical",
		"X-Rollbackd-Message": "checkout-20260301-030205/acting/1", "Date": "Sun, 01 Mar 2026 03:02:05 +0000",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
	page := bodies["text/html"]
	if strings.Contains(page, "<script") || strings.Contains(page, "<i>") || strings.Contains(page, "\x1b") {
		t.Errorf("the HTML obeys what a step said:\n%s", page)
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", `src="cid:evidence.svg"`, "<code"} {
		if !strings.Contains(page, want) {
			t.Errorf("the HTML has no %s:\n%s", want, page)
		}
	}
	if text := bodies["text/plain"]; !strings.Contains(text, "<script>alert(1)</script>[2J & more") || strings.Contains(text, "\x1b") {
		t.Errorf("the text:\n%s", text)
	}
	if _, there := bodies["image/svg+xml"]; !there || !strings.Contains(got.text, "<evidence.svg>") {
		t.Errorf("no chart in %v", bodies)
	}
}

// What one recipient is refused for must not keep the others from hearing.
func TestRecipientsThatAreRefused(t *testing.T) {
	s := newMailServer(t)
	e := s.email(t, nil)
	d := ofEvent(t, "acting", nil)

	s.say("RCPT TO:<b@", "550 5.1.1 no such user")
	if err := e.Deliver(t.Context(), d); err != nil {
		t.Errorf("one of two was refused for good, and the other has it: %v", err)
	}
	s.say("RCPT TO:<b@", "451 4.7.1 greylisted")
	err := e.Deliver(t.Context(), d)
	if failure, ok := errors.AsType[*notify.DeliveryError](err); !ok || failure.Refused || !strings.Contains(failure.Problem, "b@example.com: answered 451: 4.7.1 greylisted") {
		t.Errorf("one of two has to wait: %v", err)
	}
	s.say("RCPT TO:<b@", "")
	if err := e.Deliver(t.Context(), d); err != nil {
		t.Error(err)
	}
	s.say("RCPT TO:", "550 5.1.1 no such user")
	err = e.Deliver(t.Context(), d)
	if failure, ok := errors.AsType[*notify.DeliveryError](err); !ok || !failure.Refused {
		t.Errorf("nobody has it: %v", err)
	}
	var to [][]string
	for _, l := range s.got() {
		to = append(to, l.to)
	}
	want := [][]string{{"a@example.com"}, {"a@example.com"}, {"b@example.com"}}
	if diff := cmp.Diff(want, to); diff != "" {
		t.Errorf("who was sent to (-want +got):\n%s", diff)
	}
}

// A test tells of each recipient that is refused, though others have it.
func TestEverybodyIsAskedFor(t *testing.T) {
	s := newMailServer(t)
	e := s.email(t, func(o *notify.EmailOptions) { o.Everybody = true })
	d := ofEvent(t, "acting", nil)
	for _, c := range []struct {
		refuse, with, want string
		refused            bool
	}{
		{"RCPT TO:<b@", "550 5.1.1 no such user", "the recipient b@example.com: answered 550: 5.1.1 no such user; taken for 1 of 2 recipients", true},
		{"RCPT TO:<b@", "451 4.7.1 greylisted", "the recipient b@example.com: answered 451: 4.7.1 greylisted; taken for 1 of 2 recipients", false},
		{"RCPT TO:", "550 5.1.1 no", "the recipient a@example.com: answered 550: 5.1.1 no; the recipient b@example.com: answered 550: 5.1.1 no", true},
	} {
		s.say(c.refuse, c.with)
		failure, ok := errors.AsType[*notify.DeliveryError](e.Deliver(t.Context(), d))
		if !ok || failure.Problem != c.want || failure.Refused != c.refused {
			t.Errorf("%s: got %+v, want %q, refused %v", c.with, failure, c.want, c.refused)
		}
		s.say(c.refuse, "")
	}
	if err := e.Deliver(t.Context(), d); err != nil {
		t.Errorf("all take it: %v", err)
	}
}

func TestMailServersThatSayNo(t *testing.T) {
	for name, c := range map[string]struct {
		command, answer string
		refused         bool
		says            string
	}{
		"the sender is refused":     {"MAIL FROM:", "553 5.7.1 not yours\x1b[31m", true, "the sender rollbackd@example.com: answered 553: 5.7.1 not yours[31m"},
		"the server is busy":        {"MAIL FROM:", "421 4.3.2 shutting down", false, "answered 421"},
		"the mail is spam":          {"DATA.", "554 5.7.1 spam", true, "the mail: answered 554: 5.7.1 spam"},
		"the disk is full":          {"DATA.", "452 4.3.1 no room", false, "answered 452"},
		"the greeting is a refusal": {"EHLO", "550 go away", true, "answered 550"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t)
			s.say(c.command, c.answer)
			if c.command == "EHLO" {
				s.say("HELO", c.answer)
			}
			err := s.email(t, nil).Deliver(t.Context(), ofEvent(t, "acting", nil))
			failure, ok := errors.AsType[*notify.DeliveryError](err)
			if !ok || failure.Refused != c.refused || !strings.Contains(failure.Problem, c.says) {
				t.Errorf("got %v, want one that says %q, refused %v", err, c.says, c.refused)
			}
			if n := len(s.got()); n != 0 {
				t.Errorf("%d mails were taken", n)
			}
		})
	}
}

// A server that hangs up after it took the mail leaves no doubt only once it said so.
func TestAMailWhoseAnswerIsLostIsSentAgain(t *testing.T) {
	s := newMailServer(t)
	e := s.email(t, nil)
	s.say("DATA.", "250 and gone")
	d := ofEvent(t, "acting", nil)
	if err := e.Deliver(t.Context(), d); err == nil {
		t.Fatal("no answer came, and it counts as delivered")
	}
	s.say("DATA.", "")
	if err := e.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got := s.got()
	one, _ := parts(t, got[0].text)
	two, _ := parts(t, got[1].text)
	if len(got) != 2 || one.Get("Message-Id") != two.Get("Message-Id") {
		t.Errorf("%d mails, ids %q and %q", len(got), one.Get("Message-Id"), two.Get("Message-Id"))
	}
}

func TestAMailServerThatHangsIsLeft(t *testing.T) {
	for _, at := range []string{"EHLO", "MAIL", "DATA"} {
		s := newMailServer(t)
		s.say(at, "hang")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := s.email(t, nil).Deliver(ctx, ofEvent(t, "acting", nil))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: nothing was answered in time: got %v", at, err)
		}
	}
}

func TestSTARTTLSIsInsistedOn(t *testing.T) {
	s := newMailServer(t) // it offers none
	e := s.email(t, func(o *notify.EmailOptions) {
		o.TLS, o.Username = notify.MailStartTLS, "u"
		o.Password = func() (string, error) { t.Error("the password was read"); return "", nil }
	})
	err := e.Deliver(t.Context(), ofEvent(t, "acting", nil))
	failure, ok := errors.AsType[*notify.DeliveryError](err)
	if !ok || !failure.Refused || !strings.Contains(failure.Problem, "STARTTLS") {
		t.Errorf("got %v", err)
	}
}

// Whatever a message holds, a mail has the headers that it has and no other, and
// its HTML holds no markup of the message's.
func FuzzMail(f *testing.F) {
	f.Add("ACTING checkout\r\nBcc: x@example.com", "a/b/1", "checkout", "text\n.\n\r\n<script>")
	f.Add("→ \x1b[31m\x00", "a b\n", "\"x\"", "\xff\xfe")
	f.Add("=?utf-8?q?x?=", strings.Repeat("x", 999), "..", "</pre><img src=x onerror=alert(1)>")
	f.Fuzz(func(t *testing.T, first, id, service, text string) {
		raw, err := notify.WriteMail(notify.EmailOptions{
			Smarthost: "m:25", From: "a@example.com", To: []string{"b@example.com"},
		}, notify.Message{ID: id, Incident: id, Service: service, Event: "held", Severity: service, FirstLine: first, Text: first + "\n" + text})
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v in:\n%q", err, raw)
		}
		known := []string{
			"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "In-Reply-To", "Message-Id", "Mime-Version", "References", "Subject", "To",
			"X-Auto-Response-Suppress", "X-Rollbackd-Event", "X-Rollbackd-Incident", "X-Rollbackd-Message", "X-Rollbackd-Service", "X-Rollbackd-Severity",
		}
		for name, values := range m.Header {
			if !slices.Contains(known, name) || len(values) != 1 {
				t.Errorf("header %q: %q", name, values)
			}
		}
		if got := m.Header.Get("To"); got != "<b@example.com>" {
			t.Errorf("to %q", got)
		}
		if id := m.Header.Get("Message-Id"); !regexp.MustCompile(`^<rollbackd/[A-Za-z0-9./_-]+@example\.com>$`).MatchString(id) {
			t.Errorf("message id %q", id)
		}
		_, bodies := parts(t, string(raw))
		page := bodies["text/html"]
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1) {
			if !regexp.MustCompile(`^</?(!DOCTYPE html|html lang="en"|html|head|meta charset="utf-8"|title|body|body style="[^"<>]*"|p|p style="[^"<>]*"|strong|code|code style="[^"<>]*")>$`).MatchString(tag) {
				t.Errorf("the HTML has %q", tag)
			}
		}
		if strings.ContainsAny(page+bodies["text/plain"], "\x1b\x00") {
			t.Errorf("%q", page)
		}
	})
}

func TestNewEmailRefuses(t *testing.T) {
	good := notify.EmailOptions{Smarthost: "m:25", From: "a@example.com", To: []string{"b@example.com"}}
	for name, change := range map[string]func(*notify.EmailOptions){
		"no port":      func(o *notify.EmailOptions) { o.Smarthost = "m" },
		"no number":    func(o *notify.EmailOptions) { o.Smarthost = "m:smtp" },
		"from nowhere": func(o *notify.EmailOptions) { o.From = "a" },
		"a bad to":     func(o *notify.EmailOptions) { o.To = append(o.To, "b\r\nc") },
		"to nobody":    func(o *notify.EmailOptions) { o.To = nil },
	} {
		o := good
		change(&o)
		if _, err := notify.NewEmail(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

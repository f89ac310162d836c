package daemon

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

// listener takes one connection and tells how many bytes came over it.
func listener(t *testing.T) (address string, bytes <-chan int64) {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	came := make(chan int64, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, conn)
		_ = conn.Close()
		came <- n
	}()
	return l.Addr().String(), came
}

func TestAReceiverIsReachedAndToldNothing(t *testing.T) {
	address, bytes := listener(t)
	found, why := reach(t.Context(), &config.Webhook{URL: "http://" + address + "/hook?token=s3cret"})
	if found != incident.FindingOK || why != "connected to "+address {
		t.Errorf("%s: %s", found, why)
	}
	if n := <-bytes; n != 0 {
		t.Errorf("%d bytes were sent to it", n)
	}
}

// secure is a server with TLS that counts requests, and a file with its certificate.
func secure(t *testing.T) (address, certificate string, requests *int) {
	t.Helper()
	requests = new(int)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *requests++ }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(server.URL, "https://"), certificate, requests
}

func TestWhatStandsBetweenUsAndAReceiver(t *testing.T) {
	address, certificate, requests := secure(t)
	const closed = "127.0.0.1:1" // of a port that was free a moment ago nobody knows whose it is now
	trusting := promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: certificate}}
	behind := promconfig.HTTPClientConfig{ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: &url.URL{Scheme: "http", Host: "proxy:3128"}}}}
	for name, c := range map[string]struct {
		hook  config.Webhook
		found incident.Finding
		says  string
	}{
		"TLS that we trust":       {config.Webhook{URL: "https://" + address, Client: config.Client{HTTP: trusting}}, incident.FindingOK, "connected to " + address + " with TLS"},
		"TLS that we do not":      {config.Webhook{URL: "https://" + address}, incident.FindingProblem, "TLS with " + address + ": "},
		"a CA that is not there":  {config.Webhook{URL: "https://" + address, Client: config.Client{HTTP: promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: "/no/such.pem"}}}}, incident.FindingProblem, "its TLS options: "},
		"nobody listens":          {config.Webhook{URL: "http://" + closed + "/hook?token=s3cret"}, incident.FindingProblem, "no connection to " + closed},
		"a proxy in between":      {config.Webhook{URL: "http://" + closed, Client: config.Client{HTTP: behind}}, incident.FindingNotKnown, "not checked: it is reached through a proxy"},
		"a secret not to be read": {config.Webhook{URL: "http://" + address, Secret: config.SecretRef{File: "/no/such.key"}}, incident.FindingProblem, "its signing secret: "},
	} {
		t.Run(name, func(t *testing.T) {
			found, why := reach(t.Context(), &c.hook)
			if found != c.found || !strings.Contains(why, c.says) {
				t.Errorf("%s: %s; want %s, saying %q", found, why, c.found, c.says)
			}
			if strings.Contains(why, "s3cret") {
				t.Errorf("the URL's secret is told: %s", why)
			}
		})
	}
	if *requests > 0 {
		t.Errorf("%d requests were sent", *requests)
	}
}

func TestThePortOfAReceiver(t *testing.T) {
	for text, want := range map[string]string{"http://h/x": "80", "https://h/x": "443", "https://h:8443/x": "8443"} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := portOf(u); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A second rehearsal beside one that goes on is refused before it looks at anything.
func TestOneRehearsalAtATime(t *testing.T) {
	h := &house{}
	h.rehearsing.Lock()
	if _, err := h.rehearse(t.Context(), incident.RehearsalAsk{Service: "checkout"}, ""); !errors.Is(err, web.ErrRehearsing) {
		t.Errorf("got %v, want that another one goes on", err)
	}
}

package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// certificate writes a key and a certificate for 127.0.0.1 into a folder, as
// web.key and web.crt, and returns who trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rollbackd"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"web.crt": {Type: "CERTIFICATE", Bytes: der}, "web.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestTLSAndUsers(t *testing.T) {
	w := newWorld()
	w.configFile = webConfig(t, "tls_server_config: {cert_file: web.crt, key_file: web.key}\n")
	w.roles = roles()
	trusts := certificate(t, filepath.Dir(w.configFile))
	l := listen(t, filepath.Join(socketDir(t), "r.sock"), "127.0.0.1:0")
	stop := serve(t, w, l)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusts, MinVersion: tls.VersionTLS12},
	}}
	post := func(user, password string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+l.TCPAddr()+lockPath, strings.NewReader(because))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		r.Header.Set("Content-Type", "application/json")
		return fetch(t, client, r)
	}
	if got := post("", ""); got.status != 401 || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("nobody: got %d, want 401 and that a password is wanted", got.status)
	}
	if got := post("oscar", "guess"); got.status != 401 {
		t.Errorf("another password: got %d, want 401", got.status)
	}
	if got := post("oscar", "oscar"); got.status != 200 {
		t.Errorf("oscar: got %d %s, want 200", got.status, got.body)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("new"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	text := "tls_server_config: {cert_file: web.crt, key_file: web.key}\nbasic_auth_users: {oscar: " + string(hash) + "}\n"
	if err := os.WriteFile(w.configFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := post("oscar", "oscar"); got.status != 401 {
		t.Errorf("the old password: got %d, want 401", got.status)
	}
	if got := post("oscar", "new"); got.status != 200 {
		t.Errorf("the new password: got %d %s, want 200", got.status, got.body)
	}
	plain, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.TCPAddr()+"/-/healthy", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, freshClient(), plain); got.status != 400 {
		t.Errorf("without TLS: got %d, want 400", got.status)
	}
	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if len(w.commands) != 2 || w.commands[0].Actor != "oscar" {
		t.Errorf("carried out: %+v, want two commands of oscar's", w.commands)
	}
}

func TestAWrongWebConfigEndsServing(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":        "basic_auth_users: [\n",
		"no hash":        "basic_auth_users: {ann: secret}\n",
		"an unknown key": "users: {}\n",
		"no certificate": "tls_server_config: {cert_file: web.crt, key_file: web.key}\n",
	} {
		w := newWorld()
		w.configFile = filepath.Join(t.TempDir(), "web.yml")
		if err := os.WriteFile(w.configFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := listen(t, filepath.Join(socketDir(t), "r.sock"), "127.0.0.1:0")
		if err := w.server().Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "web.config_file: ") {
			t.Errorf("%s: got %v, want an error that names web.config_file", name, err)
		}
		if _, err := os.Lstat(l.SocketPath()); !os.IsNotExist(err) {
			t.Errorf("%s: the socket is still there: %v", name, err)
		}
	}
}

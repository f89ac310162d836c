package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/rollbackd/rollbackd/web"
)

// TestAClaimIsNotAUser: the toolkit lets everybody through while the file has no
// users, and then a name is anybody's claim.
func TestAClaimIsNotAUser(t *testing.T) {
	config := webConfig(t, "")
	claim := func(password string) *http.Request {
		r := request(t, web.Peer{Name: "root", Root: true}, "POST", "/api/v1/incidents/inc-3/approve", `{"reason":"x"}`)
		r.SetBasicAuth("ann", password)
		return r
	}
	tests := []struct {
		name   string
		file   string // what the file holds at that moment; empty leaves it as it is
		asks   *http.Request
		status int
	}{
		{"with her password", "", claim("ann"), 200},
		{"without it", "", claim("guess"), 403},
		{"with an empty one", "", claim(""), 403},
		{"the file is half written", "tls_server_config: {}\n", claim("ann"), 403},
		{"the file is no YAML", "basic_auth_users: [\n", claim("ann"), 500},
	}
	for _, tt := range tests {
		w := newWorld()
		w.configFile, w.roles = config, roles()
		if tt.file != "" {
			w.configFile = filepath.Join(t.TempDir(), "web.yml")
			if err := os.WriteFile(w.configFile, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := send(t, w.server().TCP(), tt.asks); got.status != tt.status || w.done() != btoi(tt.status == 200) {
			t.Errorf("%s: got %d and %d commands, want %d\n%s", tt.name, got.status, w.done(), tt.status, got.body)
		}
	}
}

// FuzzBasicAuth: whatever is claimed, nobody becomes an approver without the password.
func FuzzBasicAuth(f *testing.F) {
	for _, seed := range []string{"", "Basic", "Basic YW5uOmFubg==", "Basic YW5uOg==", "Basic OmFubg==", "Bearer x", "basic YW5uOmFubgA=", "Basic \xff"} {
		f.Add(seed)
	}
	config := filepath.Join(f.TempDir(), "web.yml")
	hash, err := bcrypt.GenerateFromPassword([]byte("a secret that is in no seed"), bcrypt.MinCost)
	if err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("basic_auth_users: {ann: "+string(hash)+"}\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		w := newWorld()
		w.configFile, w.roles = config, roles()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/incidents/inc-3/approve", strings.NewReader(`{"reason":"x"}`))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", header)
		if got := send(t, w.server().TCP(), r); got.status != 403 || w.done() > 0 {
			t.Errorf("%q: got %d and %+v, want 403 and no command", header, got.status, w.commands)
		}
	})
}

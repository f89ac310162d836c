package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

// TestH37ARotatedSecretIsHidden: a secret that was changed while the daemon runs
// is hidden from then on, without a reload.
func TestH37ARotatedSecretIsHidden(t *testing.T) {
	key := filepath.Join(t.TempDir(), "hook.key")
	put := func(secret string) {
		if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("whsec_Zmlyc3Q=")
	h := houseOf(parse(t, shop+"[receivers.ops]\nwebhook = { url = \"https://hooks.example.com\", secret_file = \""+key+"\" }\n"))
	if got := h.mask("whsec_Zmlyc3Q= and whsec_c2Vjb25k"); got != "<secret> and whsec_c2Vjb25k" {
		t.Errorf("before: got %q", got)
	}
	put("whsec_c2Vjb25k")
	if got := h.mask("now whsec_c2Vjb25k"); got != "now <secret>" {
		t.Errorf("after: got %q", got)
	}
}

// TestH37AShortWordIsNoSecret: a secret of a few letters would black out half of
// what a step wrote, and hides nothing.
func TestH37AShortWordIsNoSecret(t *testing.T) {
	key := filepath.Join(t.TempDir(), "hook.key")
	for secret, want := range map[string]string{"error": "error of errors", "errors": "error of <secret>"} {
		if err := os.WriteFile(key, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		h := houseOf(parse(t, shop+"[receivers.ops]\nwebhook = { url = \"https://hooks.example.com\", secret_file = \""+key+"\" }\n"))
		if got := h.mask("error of errors"); got != want {
			t.Errorf("with the secret %q: got %q, want %q", secret, got, want)
		}
	}
}

package daemon

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/benbjohnson/clock"
	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/config"
)

func TestTheGatesKeyIsMadeOnceForItsOwnerAlone(t *testing.T) {
	var log bytes.Buffer
	logger := hclog.New(&hclog.LoggerOptions{Output: &log})
	dir := t.TempDir()
	journal := filepath.Join(dir, "journal.db")
	first := gateKeyBeside(journal, logger)
	info, err := os.Stat(filepath.Join(dir, "gate.key"))
	if err != nil || info.Mode() != 0o600 || info.Size() != 32 {
		t.Fatalf("got %v, %v, want 32 bytes with mode 0600", info, err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("got %v, %v, want the key alone", names, err)
	}
	if again := gateKeyBeside(journal, logger); !bytes.Equal(again, first) {
		t.Error("the next start made another key")
	}
	if log.Len() > 0 {
		t.Errorf("there was nothing to say: %s", &log)
	}
	if other := gateKeyBeside(filepath.Join(t.TempDir(), "journal.db"), logger); bytes.Equal(other, first) {
		t.Error("two journals have the same key")
	}
}

func TestAGateKeyThatIsNoGoodIsMadeAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"empty":           {"", 0o600},
		"too short":       {"short", 0o600},
		"open to a group": {strings.Repeat("k", 32), 0o640},
		"open to all":     {strings.Repeat("k", 32), 0o604},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			dir := t.TempDir()
			path := filepath.Join(dir, "gate.key")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			logger := hclog.New(&hclog.LoggerOptions{Output: &log})
			key := gateKeyBeside(filepath.Join(dir, "journal.db"), logger)
			if len(key) != 32 || string(key) == tt.content || !strings.Contains(log.String(), "made anew") {
				t.Errorf("got %d bytes, the old ones: %v, log %s", len(key), string(key) == tt.content, &log)
			}
			log.Reset()
			if again := gateKeyBeside(filepath.Join(dir, "journal.db"), logger); !bytes.Equal(again, key) || log.Len() > 0 {
				t.Errorf("the new one was not kept: %s", &log)
			}
		})
	}
}

func TestAGateKeyThatCannotBeKeptStillWorks(t *testing.T) {
	var log bytes.Buffer
	journal := filepath.Join(t.TempDir(), "nowhere", "journal.db")
	key := gateKeyBeside(journal, hclog.New(&hclog.LoggerOptions{Output: &log}))
	if len(key) != 32 || !strings.Contains(log.String(), "could not be kept") {
		t.Errorf("got %d bytes, log %s", len(key), &log)
	}
}

func TestATokenIsOfOneRun(t *testing.T) {
	key := gateKey(strings.Repeat("k", 32))
	// echo -n inc-1.1 | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
	const want = "1b4080871daf4ac855e1296d0b5aea5b4699442424535502e79173d0dd13122b"
	if got := key.token("inc-1.1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if key.token("inc-1.2") == want || gateKey(strings.Repeat("l", 32)).token("inc-1.1") == want {
		t.Error("another run, or another key, has the same token")
	}
}

func TestTheGatesKeyIsMasked(t *testing.T) {
	h := newHouse(Options{Logger: hclog.NewNullLogger(), Clock: clock.NewMock()}, &config.Config{})
	h.gate = gateKey(strings.Repeat("k\xff", 16))
	for _, text := range []string{string(h.gate), hex.EncodeToString(h.gate), base64.StdEncoding.EncodeToString(h.gate)} {
		if got := h.mask("key: " + text + "."); got != "key: <secret>." {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

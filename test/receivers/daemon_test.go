package receivers_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/rollbackd/rollbackd/daemon"
	"github.com/rollbackd/rollbackd/test/world"
)

// patience bounds what ought to happen at once, on the slowest machine.
const patience = 3 * time.Minute

// A running daemon tells by each channel of a receiver, in the receiver's own words,
// and no secret is in its log.
func TestADaemonTellsByMailAndProgram(t *testing.T) {
	t.Setenv("PASSWORD", canary)
	b := newMailbox(t, options{mechanism: "PLAIN"})
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	inbox := filepath.Join(dir, "taken.json")
	program := write("tell.sh", "#!/bin/sh\ncat > \"$1.new\" && mv \"$1.new\" \"$1\"\n", 0o700)
	// No disk has so much room: the daemon says so at once.
	file := write("rollbackd.toml", b.receiver(`, username = "rollbackd", password_env = "PASSWORD"`)+`exec = { command = ["`+program+`", "`+inbox+`"] }
text = "{{.Event | toUpper}} {{.Text}}"
[journal]
path = "`+filepath.Join(dir, "journal.db")+`"
min_free = "900TiB"
[web]
socket = "`+filepath.Join(dir, "r.sock")+`"
listen = "127.0.0.1:0"
`, 0o600)
	var log bytes.Buffer
	d, err := daemon.New(daemon.Options{ConfigFile: file, Logger: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	var letters []taken
	var said []byte
	world.Await(t, "a mail and a call of the program", patience, func() (bool, string) {
		letters = b.got()
		said, _ = os.ReadFile(inbox) // it is not there until it is
		return len(letters) > 0 && len(said) > 0, fmt.Sprintf("%d mails, and the program got %q", len(letters), said)
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(letters) == 0 || !bytes.Contains(letters[0].text, []byte("DISK_LOW")) || !letters[0].secure {
		t.Errorf("mails: %+v", letters)
	}
	if !bytes.Contains(said, []byte(`"text":"WAITING FOR YOU`)) || !bytes.Contains(said, []byte("DISK_LOW")) {
		t.Errorf("the program got %s", said)
	}
	if bytes.Contains(log.Bytes(), []byte(canary)) {
		t.Errorf("the log holds the password:\n%s", log.Bytes())
	}
	if t.Failed() {
		t.Logf("log:\n%s", log.Bytes())
	}
}

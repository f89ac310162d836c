package main

import (
	"bytes"
	_ "embed" // for the configuration
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// configuration is the file as it lies beside this one.
//
//go:embed rollbackd.toml
var configuration string

const (
	goodVersion = "v1"
	badVersion  = "v2"
	// failShare is what the bad release does to requests.
	failShare = 0.08
	// service is the shop's name in metrics, events and configuration.
	service = "shop"
)

// world is everything that the demo has started and must end.
type world struct {
	options options
	dir     string
	shop    string // host:port
	web     string // host:port of rollbackd's page

	nats       *server.Server
	metrics    metrics // where rollbackd asks
	inbox      *inbox  // where rollbackd tells people
	rollbackd  *process
	load       *load
	shopExists bool
}

// metrics is something that answers Prometheus's query API.
type metrics interface {
	// URL is its base address.
	URL() string
	// About says what it is, in a few words for the viewer.
	About() string
	// Gone is an error if it ended by itself.
	Gone() error
	// End ends it.
	End() error
}

// newWorld lays out the files: two releases of the shop, the link to the first,
// and the tool that restarts it. It starts nothing.
func newWorld(o options) (*world, error) {
	dir, err := os.MkdirTemp("", "rollbackd-demo-")
	if err != nil {
		return nil, err
	}
	w := &world{options: o, dir: dir}
	if err := w.layOut(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return w, nil
}

// path is a path inside the world's directory.
func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// layOut writes releases/, current, bin/ and shop.addr.
func (w *world) layOut() error {
	for version, share := range map[string]float64{goodVersion: 0, badVersion: failShare} {
		body, err := json.Marshal(map[string]any{"version": version, "fail_share": share})
		if err != nil {
			return err
		}
		if err := copyProgram(filepath.Join(w.options.tools, "shop"), w.path("releases", version, "shop")); err != nil {
			return err
		}
		if err := os.WriteFile(w.path("releases", version, "release.json"), body, 0o644); err != nil {
			return err
		}
	}
	if err := copyProgram(filepath.Join(w.options.tools, "shopctl"), w.path("bin", "shopctl")); err != nil {
		return err
	}
	if err := os.Symlink(w.path("releases", goodVersion), w.path("current")); err != nil {
		return err
	}
	var err error
	if w.shop, err = freeAddress(); err != nil {
		return err
	}
	if w.web, err = freeAddress(); err != nil {
		return err
	}
	return os.WriteFile(w.path("shop.addr"), []byte(w.shop+"\n"), 0o644)
}

// copyProgram copies an executable, making the directory it goes to.
func copyProgram(from, to string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("%w (run it as `make demo`, which builds it)", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, body, 0o755)
}

// freeAddress is an address of 127.0.0.1 that nobody listens on. The shop needs
// one that stays the same over its restarts.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// startNATS starts a NATS server inside this process.
func (w *world) startNATS() error {
	var err error
	w.nats, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	w.nats.Start()
	if !w.nats.ReadyForConnections(10 * time.Second) {
		return errors.New("the NATS server in this process did not get ready within 10 s")
	}
	return nil
}

// shopctl runs the tool that a deployer, and rollbackd, run the shop with.
func (w *world) shopctl(args ...string) error {
	cmd := exec.Command(w.path("bin", "shopctl"), append([]string{"--dir", w.dir}, args...)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("shopctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(output.String()))
	}
	w.shopExists = args[0] != "stop"
	return nil
}

// startRollbackd writes its configuration and starts it.
func (w *world) startRollbackd() error {
	text, err := w.configure()
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.path("hook.key"), []byte(w.inbox.secret+"\n"), 0o600); err != nil {
		return err
	}
	file := w.path("rollbackd.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	w.rollbackd, err = startProcess("rollbackd", w.path("rollbackd.log"), w.options.rollbackd, "run", "--config.file", file)
	return err
}

// configure puts this world's addresses and paths into the configuration.
func (w *world) configure() (string, error) {
	text := configuration
	for _, change := range [][2]string{
		{"http://127.0.0.1:9090", w.metrics.URL()},
		{"nats://127.0.0.1:4222", w.nats.ClientURL()},
		{"/srv/shop", w.dir},
		{"http://127.0.0.1:8080", w.inbox.URL()},
		{"/var/lib/rollbackd/journal.db", w.path("journal.db")},
		{"/run/rollbackd/rollbackd.sock", w.socket()},
		{"127.0.0.1:9797", w.web},
	} {
		if !strings.Contains(text, change[0]) {
			return "", fmt.Errorf("examples/demo/rollbackd.toml no longer holds %q, which the demo replaces", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	return text, nil
}

// socket is where rollbackd's API is served.
func (w *world) socket() string { return w.path("rollbackd.sock") }

// gone is an error if something that must run has ended by itself.
func (w *world) gone() error {
	if w.rollbackd != nil {
		if err := w.rollbackd.gone(); err != nil {
			return err
		}
	}
	if w.metrics != nil {
		return w.metrics.Gone()
	}
	return nil
}

// clear ends everything that was started, rollbackd first: it finishes a step
// that is running before it ends. Then it removes the files.
func (w *world) clear() error {
	var errs []error
	if w.rollbackd != nil {
		errs = append(errs, w.rollbackd.end(30*time.Second))
	}
	if w.load != nil {
		w.load.end()
	}
	if w.shopExists {
		errs = append(errs, w.shopctl("stop"))
	}
	if w.metrics != nil {
		errs = append(errs, w.metrics.End())
	}
	if w.inbox != nil {
		errs = append(errs, w.inbox.end())
	}
	if w.nats != nil {
		w.nats.Shutdown()
		w.nats.WaitForShutdown()
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

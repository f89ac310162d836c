package story_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/test/world"
)

// soon is long enough for anything that takes seconds, on a busy machine too.
const soon = 3 * time.Minute

// site is one shop: two sets of nodes, of which nginx uses the one that current
// points at, and a database of its own.
type site struct {
	root     string
	database string
	postgres *world.Postgres
	nginx    *world.Nginx
	daemon   *world.Daemon
	inbox    *world.Inbox
	traffic  *traffic
}

// newSite makes a shop that runs v1 well, is used, and is watched.
func newSite(t *testing.T, p *world.Postgres, database string) *site {
	t.Helper()
	root, err := os.MkdirTemp("", "rbs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) }) // the last of a node may still be written
	s := &site{root: root, database: database, postgres: p, inbox: world.NewInbox(t)}
	writeScripts(t, root)
	p.Query(t, "postgres", "CREATE DATABASE "+database)
	s.psql(t, "--file", filepath.Join(root, "schema.sql"))
	var doors []string
	for color, version := range map[string]string{"blue": "v1", "green": "v2"} {
		s.release(t, version, color)
	}
	for _, color := range []string{"blue", "green"} {
		for _, unit := range []string{"a", "b"} {
			doors = append(doors, s.startNode(t, color+"-"+unit))
		}
	}
	link(t, filepath.Join(root, "releases", "v1"), filepath.Join(root, "current"))
	s.nginx = world.NewNginx(t, world.NginxOptions{
		HTTP:   "include " + filepath.Join(root, "current", "upstream.conf") + ";",
		Server: fmt.Sprintf("location / { if (-f %s/maintenance) { return 503; } proxy_pass http://shop; }", root),
	})
	s.traffic = newTraffic(t, s.nginx.Socket, filepath.Join(root, "seen-shut"))
	s.watch(t, world.NewPrometheus(t, world.PrometheusOptions{}, doors...))
	return s
}

// release installs a version and says which nodes it is for.
func (s *site) release(t *testing.T, version, color string) {
	t.Helper()
	dir := filepath.Join(s.root, "releases", version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(programs, version, "shop"), filepath.Join(dir, "shop"))
	upstream := "upstream shop {\n"
	for _, unit := range []string{"a", "b"} {
		node := filepath.Join(s.root, "nodes", color+"-"+unit)
		link(t, node, filepath.Join(dir, unit))
		upstream += "  server unix:" + filepath.Join(node, "sock") + " max_fails=0;\n"
	}
	put(t, filepath.Join(dir, "upstream.conf"), upstream+"}\n")
}

// startNode starts a node with v1 and returns where it is scraped.
func (s *site) startNode(t *testing.T, name string) (door string) {
	t.Helper()
	node := filepath.Join(s.root, "nodes", name)
	if err := os.MkdirAll(node, 0o755); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(s.root, "releases", "v1"), filepath.Join(node, "release"))
	world.StartProcess(t, filepath.Join(node, "log"), filepath.Join(node, "release", "shop"), "--node", node,
		"--psql", world.Require(t, "psql"), "--database", s.postgres.Dir, "--name", s.database)
	world.Await(t, name+" to run", soon, func() (bool, string) {
		return read(filepath.Join(node, "running")) == "v1", read(filepath.Join(node, "log"))
	})
	// Prometheus does not scrape unix sockets: a port of the test's own stands before it.
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: name})
	proxy.Transport = over(filepath.Join(node, "sock"))
	server := httptest.NewServer(http.HandlerFunc(proxy.ServeHTTP))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// watch starts the daemon and waits until it has seen v1 do well.
func (s *site) watch(t *testing.T, prometheus *world.Prometheus) {
	t.Helper()
	config := filepath.Join(s.root, "rollbackd.toml")
	put(t, config, configure(t, s, prometheus, s.inbox))
	put(t, filepath.Join(s.root, "hook.key"), world.Secret()+"\n")
	log := filepath.Join(s.root, "rollbackd.log")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", read(log))
		}
	})
	s.daemon = world.StartDaemon(t, world.DaemonOptions{
		Program: filepath.Join(programs, "rollbackd"), Config: config, Socket: filepath.Join(s.root, "s"), Log: log,
	})
	s.daemon.AwaitTrigger(t, "shop", "errors", soon, world.InTruth("ok"))
	world.Await(t, "v1 to be seen", soon, func() (bool, string) {
		running := s.daemon.Service(t, "shop").RunningVersion
		return running == "v1", running
	})
}

// deploy puts v2 into production as the team's pipeline does: onto the idle
// nodes, then the migration, then the traffic.
func (s *site) deploy(t *testing.T, reversible string) {
	t.Helper()
	for _, unit := range []string{"a", "b"} {
		command(t, "/bin/sh", filepath.Join(s.root, "restart.sh"), s.root, "v2", unit)
	}
	s.psql(t, "--single-transaction", "--set", "reversible="+reversible, "--file", filepath.Join(s.root, "up.sql"))
	current := filepath.Join(s.root, "current")
	link(t, filepath.Join(s.root, "releases", "v2"), current+".new")
	if err := os.Rename(current+".new", current); err != nil {
		t.Fatal(err)
	}
	command(t, s.nginx.Reload...)
}

func (s *site) psql(t *testing.T, arguments ...string) {
	t.Helper()
	command(t, append(append([]string{"psql"}, s.postgres.Arguments(s.database)...), arguments...)...)
}

// steps are the labels of what the plan ran, in order.
func (s *site) steps() []string {
	text := read(filepath.Join(s.root, "steps.log"))
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// state is all that a rollback could have touched, as it is now.
type state struct {
	Current     string
	Migrations  string
	Orders      string
	NewPrices   string
	Maintenance bool
	// Nodes are the processes' beginnings with their releases: a restart shows.
	Nodes map[string]string
}

func (s *site) state(t *testing.T) state {
	t.Helper()
	_, err := os.Stat(filepath.Join(s.root, "maintenance"))
	now := state{
		Current:     target(t, filepath.Join(s.root, "current")),
		Migrations:  s.postgres.Query(t, s.database, "SELECT string_agg(number::text, ',' ORDER BY number) FROM migrations"),
		Orders:      s.postgres.Query(t, s.database, "SELECT count(*) FROM orders"),
		NewPrices:   s.postgres.Query(t, s.database, "SELECT enabled FROM flags WHERE name = 'new_prices'"),
		Maintenance: err == nil,
		Nodes:       map[string]string{},
	}
	for _, name := range []string{"blue-a", "blue-b", "green-a", "green-b"} {
		running := filepath.Join(s.root, "nodes", name, "running")
		info, err := os.Stat(running)
		if err != nil {
			t.Fatal(err)
		}
		now.Nodes[name] = fmt.Sprintf("%s since %s", read(running), info.ModTime().Format(time.RFC3339Nano))
	}
	return now
}

func target(t *testing.T, path string) string {
	t.Helper()
	to, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(to)
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// read is a file without its last line break; empty where there is none.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func command(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

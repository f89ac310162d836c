package world

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Postgres is a PostgreSQL server of the test's own. It listens on a unix socket
// alone, and lets in everybody who can reach that.
type Postgres struct {
	*Process
	// Dir holds the socket, as psql's --host takes it.
	Dir  string
	psql string
}

// superuser is the one role that there is.
const superuser = "shop"

// NewPostgres makes a cluster, starts its server, and waits until it takes
// queries. Where the test runs as root it runs as the user postgres, since it
// refuses to be root.
func NewPostgres(t testing.TB) *Postgres {
	t.Helper()
	p := &Postgres{psql: Require(t, "psql")}
	as := databaseUser(t)
	p.Dir = ownedDir(t, as)
	data, log := filepath.Join(p.Dir, "data"), filepath.Join(p.Dir, "log")
	initdb := exec.Command(Require(t, "initdb"), "--pgdata", data, "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = p.Dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.Process = StartProcessAs(t, as, log, Require(t, "postgres"), "-D", data,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+p.Dir, "-c", "fsync=off", "-c", "max_connections=60")
	// Killed, it would leave its children and its shared memory behind for a while.
	t.Cleanup(func() {
		p.Signal(t, syscall.SIGINT)
		p.Exit(t, slow)
	})
	Await(t, "PostgreSQL to take queries", slow, func() (bool, string) {
		if gone := p.Gone(); gone != "" {
			t.Fatalf("%s\n%s", gone, tail(p.Log(), 2000))
		}
		out, err := exec.Command(p.psql, append(p.Arguments("postgres"), "--command", "SELECT 1")...).CombinedOutput()
		return err == nil, string(out)
	})
	return p
}

// Arguments lead psql to a database, without settings of the user who runs it,
// and have it stop at the first error.
func (p *Postgres) Arguments(database string) []string {
	return []string{
		"--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1",
		"--host", p.Dir, "--username", superuser, "--dbname", database,
	}
}

// Query runs SQL in a database and returns what it answers, a row a line.
func (p *Postgres) Query(t testing.TB, database, sql string) string {
	t.Helper()
	out, err := exec.Command(p.psql, append(p.Arguments(database), "--command", sql)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}

// databaseUser is whom the server runs as; nil means whoever runs the test.
func databaseUser(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL does not run as root, and there is no other user for it (make components installs it): %v", err)
	}
	return &syscall.Credential{Uid: number(t, u.Uid), Gid: number(t, u.Gid)}
}

func number(t testing.TB, id string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// ownedDir is a folder with a short name, because of the socket in it, that
// belongs to a user.
func ownedDir(t testing.TB, as *syscall.Credential) string {
	t.Helper()
	dir := shortDir(t)
	if as == nil {
		return dir
	}
	if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

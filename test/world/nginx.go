package world

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nginx is an nginx of the test's own, with one server on a unix socket.
type Nginx struct {
	*Process
	// Socket is where it takes requests.
	Socket string
	// Reload is the command that makes it read its configuration again.
	Reload []string
}

// NginxOptions say what it serves. Both are needed.
type NginxOptions struct {
	// HTTP stands in the block http, such as an include of an upstream.
	HTTP string
	// Server stands in the block server.
	Server string
}

const nginxConfig = `daemon off;
%[1]s
worker_processes 1;
pid %[2]s/pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %[2]s/client; proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
  %[3]s
  server {
    listen unix:%[2]s/sock;
    %[4]s
  }
}
`

// NewNginx starts it and waits until it takes connections.
func NewNginx(t testing.TB, o NginxOptions) *Nginx {
	t.Helper()
	program, dir := Require(t, "nginx"), shortDir(t)
	config, user := filepath.Join(dir, "nginx.conf"), ""
	if os.Getuid() == 0 {
		user = "user root root;" // its workers reach folders that are this test's alone
	}
	text := fmt.Sprintf(nginxConfig, user, dir, o.HTTP, o.Server)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command := []string{program, "-p", dir, "-e", "stderr", "-c", config}
	n := &Nginx{Socket: filepath.Join(dir, "sock"), Reload: append(append([]string{}, command...), "-s", "reload")}
	n.Process = StartProcess(t, filepath.Join(dir, "log"), command...)
	// Killed, its workers would go on by themselves.
	t.Cleanup(func() { n.Terminate(t, slow) })
	Await(t, "nginx to take connections", slow, func() (bool, string) {
		if gone := n.Gone(); gone != "" {
			t.Fatalf("%s\n%s", gone, tail(n.Log(), 2000))
		}
		c, err := net.Dial("unix", n.Socket)
		if err != nil {
			return false, strings.TrimSpace(err.Error())
		}
		return c.Close() == nil, ""
	})
	return n
}

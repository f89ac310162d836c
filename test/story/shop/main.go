// Command shop is a small service with orders in a database: what the story's
// plan deploys and undoes. Its release is compiled in. v1 reads the schema from
// before migration 2, v2 the one after it; neither reads the other's.
//
//	shop --node DIR --psql PROGRAM --database SOCKETS --name DATABASE
//
// It serves DIR/sock. On SIGHUP it becomes the program DIR/release/shop, so that
// a node changes its release and keeps its process.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// version is the release; the linker sets it.
var version = "unknown"

func main() {
	node := flag.String("node", "", "the node's folder")
	psql := flag.String("psql", "psql", "the database's client")
	sockets := flag.String("database", "", "the folder with the database's socket")
	name := flag.String("name", "", "the database's name")
	flag.Parse()
	db := &database{argv: []string{
		*psql, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--host", *sockets, "--username", "shop", "--dbname", *name,
	}}
	if err := serve(*node, &shop{db: db}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers until SIGHUP, and then becomes the node's release.
func serve(node string, s *shop) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	socket := filepath.Join(node, "sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := put(filepath.Join(node, "pid"), strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	if err := put(filepath.Join(node, "running"), version); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-again:
	}
	s.db.close()
	argv := append([]string{filepath.Join(node, "release", "shop")}, os.Args[1:]...)
	return syscall.Exec(argv[0], argv, os.Environ())
}

// put writes a file whole or not at all.
func put(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
)

// database is one psql that stays open: a connection, with nothing to install
// but PostgreSQL itself.
type database struct {
	argv []string

	mu  sync.Mutex
	cmd *exec.Cmd // nil while there is none
	in  io.WriteCloser
	out *bufio.Scanner
}

// end is the row that closes every answer.
const end = "-- end --"

// one asks for one value.
func (d *database) one(query string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.open(); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(d.in, "%s;\nSELECT '%s';\n", query, end); err != nil {
		return "", errors.Join(err, d.drop())
	}
	var rows []string
	for d.out.Scan() {
		if d.out.Text() != end {
			rows = append(rows, d.out.Text())
			continue
		}
		if len(rows) != 1 || strings.HasPrefix(rows[0], "ERROR:") {
			return "", fmt.Errorf("%s: %s", query, strings.Join(rows, " "))
		}
		return rows[0], nil
	}
	return "", errors.Join(errors.New("the database went away"), d.drop())
}

func (d *database) open() error {
	if d.cmd != nil {
		return nil
	}
	cmd := exec.Command(d.argv[0], d.argv[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout // an error stands where its answer would
	if err := cmd.Start(); err != nil {
		return err
	}
	d.cmd, d.in, d.out = cmd, in, bufio.NewScanner(out)
	return nil
}

// drop ends a psql; the next question opens another.
func (d *database) drop() error {
	cmd := d.cmd
	d.cmd = nil
	return errors.Join(d.in.Close(), cmd.Wait())
}

// close ends the connection, if there is one.
func (d *database) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd != nil {
		_ = d.drop() // the process is replaced next
	}
}

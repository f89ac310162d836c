package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is how long a shop may take to end or to answer.
	patience = 5 * time.Second
	// glance is the pause between two looks.
	glance = 20 * time.Millisecond
)

// restart ends the running shop, if any, starts the one that current leads to,
// and returns when that one answers as its version.
func restart(dir string) error {
	if err := stop(dir); err != nil {
		return err
	}
	address, err := readAddress(dir)
	if err != nil {
		return err
	}
	release, err := filepath.EvalSymlinks(filepath.Join(dir, "current"))
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "shop.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the shop has a copy of its own

	// A session of its own: the shop must outlive whoever restarts it.
	shop := exec.Command(filepath.Join(release, "shop"), "--listen", address)
	shop.Stdout, shop.Stderr, shop.Dir = log, log, dir
	shop.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := shop.Start(); err != nil {
		return err
	}
	pid := strconv.Itoa(shop.Process.Pid)
	if err := os.WriteFile(filepath.Join(dir, "shop.pid"), []byte(pid+"\n"), 0o644); err != nil {
		return errors.Join(err, shop.Process.Kill())
	}
	ended := make(chan error, 1)
	go func() { ended <- shop.Wait() }()
	version := filepath.Base(release)
	if err := awaitAnswer(address, version, ended); err != nil {
		return err
	}
	fmt.Printf("shop %s runs as process %s on %s\n", version, pid, address)
	return nil
}

// stop ends the shop named in the pid file and returns when nothing answers on
// its address any more. No pid file means that no shop runs.
func stop(dir string) error {
	path := filepath.Join(dir, "shop.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return fmt.Errorf("%s does not hold a process id: %q", path, text)
	}
	address, err := readAddress(dir)
	if err != nil {
		return err
	}
	if err := end(pid, address); err != nil {
		return err
	}
	return os.Remove(path)
}

// end asks a process to end, and kills it if it does not. Whether it is gone is
// seen by its address: a process whose parent never collects it keeps its
// process id for ever.
func end(pid int, address string) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("ending process %d: %w", pid, err)
		}
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
			if !listens(address) {
				return nil
			}
		}
	}
	return fmt.Errorf("process %d was killed and %s still answers", pid, address)
}

// listens tells whether anybody takes a connection.
func listens(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// awaitAnswer returns when the shop answers as the version wanted, or with the
// reason why it will not.
func awaitAnswer(address, version string, ended <-chan error) error {
	last := errors.New("no answer yet")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
		select {
		case err := <-ended:
			return fmt.Errorf("shop %s ended at once (%w); see shop.log", version, err)
		default:
		}
		got, err := ask(address)
		if err == nil && got == version {
			return nil
		}
		if last = err; err == nil {
			last = fmt.Errorf("it answers as %q", got)
		}
	}
	return fmt.Errorf("shop %s did not answer within %s: %w", version, patience, last)
}

// ask asks the shop for its version.
func ask(address string) (string, error) {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get("http://" + address + "/-/ready")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return strings.TrimSpace(string(body)), err
}

// readAddress reads where the shop serves.
func readAddress(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "shop.addr"))
	return strings.TrimSpace(string(text)), err
}

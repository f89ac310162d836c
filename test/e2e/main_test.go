package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the binary under test; TestMain builds it.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait most of the time: more of them fit on a processor than one.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rollbackd-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Setenv(envName, envCanary); err != nil { // for TestH37SecretsAreInNoArtefact
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "rollbackd")
	build := exec.Command("go", "build", "-o", program, "./cmd/rollbackd")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the daemon: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

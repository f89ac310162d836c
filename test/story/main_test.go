package story_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// programs is where TestMain puts what it builds: rollbackd, v1/shop and v2/shop.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	// The stories wait most of the time: more of them fit on a processor than one.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rollbackd-story")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs = dir
	builds := [][]string{
		{"../..", "-o", filepath.Join(dir, "rollbackd"), "./cmd/rollbackd"},
		{".", "-ldflags", "-X main.version=v1", "-o", filepath.Join(dir, "v1", "shop"), "./shop"},
		{".", "-ldflags", "-X main.version=v2", "-o", filepath.Join(dir, "v2", "shop"), "./shop"},
	}
	for _, b := range builds {
		build := exec.Command("go", append([]string{"build"}, b[1:]...)...)
		build.Dir, build.Env = b[0], append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", build, err, out)
			return 1
		}
	}
	return m.Run()
}

package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"text/tabwriter"
)

// row is one line of the table.
type row struct{ what, measured, wanted string }

// table is what was measured, in the order of measuring.
var table struct {
	sync.Mutex
	rows []row
}

func report(what, measured, wanted string) {
	table.Lock()
	defer table.Unlock()
	table.rows = append(table.rows, row{what, measured, wanted})
}

func TestMain(m *testing.M) {
	code := m.Run()
	if len(table.rows) > 0 {
		fmt.Println()
		out := tabwriter.NewWriter(os.Stdout, 0, 8, 3, ' ', 0)
		fmt.Fprintln(out, "what\tmeasured\twanted")
		for _, r := range table.rows {
			fmt.Fprintf(out, "%s\t%s\t%s\n", r.what, r.measured, r.wanted)
		}
		if err := out.Flush(); err != nil {
			code = 1
		}
	}
	os.Exit(code)
}

// build builds the daemon as it is shipped: static and stripped.
func build(b *testing.B) (program string) {
	b.Helper()
	program = filepath.Join(b.TempDir(), "rollbackd")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/rollbackd")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building the daemon: %v\n%s", err, out)
	}
	return program
}

const mb = 1 << 20

// BenchmarkBinary is the size of the stripped binary.
func BenchmarkBinary(b *testing.B) {
	info, err := os.Stat(build(b))
	if err != nil {
		b.Fatal(err)
	}
	size := float64(info.Size()) / mb
	b.ReportMetric(size, "MB")
	report("binary, stripped", fmt.Sprintf("%.1f MB", size), "at most 32 MB")
}

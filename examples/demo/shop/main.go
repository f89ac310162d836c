// Command shop is the small service that the demo deploys: it answers with its
// version, fails the share of requests that its release says, and counts what
// it did on /metrics. What it is comes from the file release.json beside the
// executable, so that two releases differ in nothing else.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// release is what distinguishes one version of the shop from another.
type release struct {
	// Version is what the shop answers with.
	Version string `json:"version"`
	// FailShare is the share of requests that fail, 0 to 1.
	FailShare float64 `json:"fail_share"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// serve runs until the process is ended from outside.
func serve(listen string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := readRelease(filepath.Join(filepath.Dir(self), "release.json"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("shop %s on %s, failing %.0f%% of requests\n", r.Version, listener.Addr(), r.FailShare*100)
	server := &http.Server{Handler: newShop(r), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(listener)
}

// readRelease reads a release file; a share outside 0 to 1 is a mistake.
func readRelease(path string) (release, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return release{}, err
	}
	var r release
	if err := json.Unmarshal(body, &r); err != nil {
		return release{}, fmt.Errorf("%s: %w", path, err)
	}
	if r.Version == "" || r.FailShare < 0 || r.FailShare > 1 {
		return release{}, errors.New(path + ": version must be set and fail_share lie between 0 and 1")
	}
	return r, nil
}

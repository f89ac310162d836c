package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// releases makes a directory with the releases v1 and v2.
func releases(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		release := filepath.Join(dir, "releases", version)
		if err := os.MkdirAll(release, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(release, "shop"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPoint(t *testing.T) {
	dir := releases(t)
	for _, version := range []string{"v1", "v2", "v2", "v1"} {
		if err := point(dir, version); err != nil {
			t.Fatal(err)
		}
		got, err := os.Readlink(filepath.Join(dir, "current"))
		if err != nil || got != filepath.Join(dir, "releases", version) {
			t.Errorf("current leads to %q (%v), want %s", got, err, version)
		}
	}
	if err := point(dir, "v3"); err == nil {
		t.Error("a release that does not exist was accepted")
	}
	if got, err := os.Readlink(filepath.Join(dir, "current")); err != nil || filepath.Base(got) != "v1" {
		t.Errorf("after a refusal current leads to %q (%v), want v1", got, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {"restart", "now"}, {"deploy"}, {"start"}} {
		if err := run(t.TempDir(), args); err == nil || !strings.Contains(err.Error(), "deploy VERSION") {
			t.Errorf("run(%q) = %v, want an error that says what to type", args, err)
		}
	}
}

func TestStop(t *testing.T) {
	dir := t.TempDir()
	if err := stop(dir); err != nil {
		t.Errorf("stop without a shop: %v", err)
	}
	for _, bad := range []string{"", "0", "1", "-4", "shop"} {
		if err := os.WriteFile(filepath.Join(dir, "shop.pid"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := stop(dir); err == nil {
			t.Errorf("a pid file with %q was accepted", bad)
		}
	}
}

package config

import (
	"errors"
	"path/filepath"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// checkWebFile reads a web-config file as the HTTP side will: TLS with its files,
// users with their hashes. written is its name in the configuration.
func checkWebFile(absolute, written string) error {
	err := toolkit.Validate(absolute)
	if err == nil {
		return nil
	}
	// On one line, with files named as they are written: the problem stands beside
	// the key, and reads the same from whatever folder.
	text := strings.Join(strings.Fields(err.Error()), " ")
	text = strings.ReplaceAll(text, absolute, written)
	return errors.New(strings.ReplaceAll(text, filepath.Dir(absolute)+string(filepath.Separator), ""))
}

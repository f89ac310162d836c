package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// killsDaemon tells whether a command stops rollbackd or its host. It reads the
// words of a shell's line as well, since `sh -c` is still an argv.
func killsDaemon(argv []string) bool {
	words := strings.FieldsFunc(strings.Join(argv, " "), func(r rune) bool { return strings.ContainsRune(" \t\n;&|'\"", r) })
	if len(words) == 0 {
		return false
	}
	switch filepath.Base(words[0]) {
	case "reboot", "poweroff", "halt", "shutdown":
		return true
	}
	for i, word := range words {
		rest := words[i+1:]
		switch filepath.Base(word) {
		case "systemctl":
			if hasAny(rest, "reboot", "poweroff", "halt", "kexec", "rescue", "emergency") {
				return true
			}
			if namesDaemon(rest) && hasAny(rest, "stop", "restart", "try-restart", "reload-or-restart", "kill", "disable", "mask", "freeze") {
				return true
			}
		case "service", "rc-service":
			if namesDaemon(rest) && hasAny(rest, "stop", "restart") {
				return true
			}
		case "pkill", "killall":
			if namesDaemon(rest) {
				return true
			}
		}
	}
	return false
}

func hasAny(words []string, wanted ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(wanted, w) })
}

func namesDaemon(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		name := strings.TrimSuffix(filepath.Base(w), ".service")
		return name == "rollbackd" || strings.HasPrefix(name, "rollbackd@")
	})
}

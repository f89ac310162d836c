package notify

import (
	"net/url"
	"strings"
)

// pageOf is the address of an incident's page below the daemon's external address;
// empty where either is missing.
func pageOf(external, incident string) string {
	if external == "" || incident == "" {
		return ""
	}
	return strings.TrimSuffix(external, "/") + "/incidents/" + url.PathEscape(incident)
}

// reportOf is the address of an incident's report; empty where pageOf is.
func reportOf(external, incident string) string {
	if external == "" || incident == "" {
		return ""
	}
	return strings.TrimSuffix(external, "/") + "/api/v1/incidents/" + url.PathEscape(incident) + "/report?format=html"
}

// commandOf is the command that a message's text says to copy: its last line that
// is one.
func commandOf(m Message) string {
	command := ""
	for line := range strings.SplitSeq(m.Text, "\n") {
		if strings.HasPrefix(line, "rollbackd ") {
			command = plainText(line)
		}
	}
	return command
}

// bodyText is a message's text without its first line.
func bodyText(m Message) string {
	return plainText(strings.TrimPrefix(strings.TrimPrefix(m.Text, m.FirstLine), "\n"))
}

// cut is the beginning of a text, with a sign where there was more.
func cut(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return string(runes[:characters-1]) + "…"
	}
	return text
}

package config

import (
	"strconv"
	"strings"
)

// path is where a key stands: nil is the file's root, every other path knows
// the one above it. Two paths are the same place when their texts are equal;
// keys that are not bare are quoted in it, so that no key can pass for an index.
type path struct {
	text string
	up   *path
}

// key is the path of a key in the table at p.
func (p *path) key(name string) *path {
	shown := name
	if !bareKey(name) {
		shown = strconv.Quote(name)
	}
	if p == nil {
		return &path{text: shown}
	}
	return &path{text: p.text + "." + shown, up: p}
}

// index is the path of an element of the array at p, counted from 0.
func (p *path) index(i int) *path {
	return &path{text: p.String() + "[" + strconv.Itoa(i) + "]", up: p}
}

// String is the path as problems show it.
func (p *path) String() string {
	if p == nil {
		return ""
	}
	return p.text
}

// bareKey tells whether TOML lets the key stand without quotes.
func bareKey(name string) bool {
	if name == "" {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool { return !bareRune(r) }) < 0
}

func bareRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

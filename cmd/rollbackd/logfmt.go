package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"
)

// logfmt writes log lines as Prometheus does: key=value pairs, quoted where
// needed. It is safe for concurrent use.
type logfmt struct {
	level hclog.Level
	now   func() time.Time

	mu sync.Mutex
	w  io.Writer
}

// Accept writes one line.
func (l *logfmt) Accept(name string, level hclog.Level, msg string, args ...any) {
	if level < l.level {
		return
	}
	var line strings.Builder
	pair(&line, "ts", l.now().Format("2006-01-02T15:04:05.000Z07:00"))
	pair(&line, "level", level.String())
	if name != "" {
		pair(&line, "component", name)
	}
	pair(&line, "msg", msg)
	for len(args) > 1 {
		pair(&line, text(args[0]), text(args[1]))
		args = args[2:]
	}
	for _, lonely := range args { // a value without its key must not be lost
		pair(&line, "extra", text(lonely))
	}
	line.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.w, line.String()) // where the log cannot be written there is nobody to tell
}

func pair(line *strings.Builder, key, value string) {
	if line.Len() > 0 {
		line.WriteByte(' ')
	}
	line.WriteString(strings.Map(keyRune, key))
	line.WriteByte('=')
	if value == "" || strings.ContainsFunc(value, needsQuotes) {
		value = strconv.Quote(value)
	}
	line.WriteString(value)
}

func needsQuotes(r rune) bool {
	return r <= ' ' || r == '=' || r == '"' || r == '\\' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
}

// keyRune keeps a key one word.
func keyRune(r rune) rune {
	if needsQuotes(r) {
		return '_'
	}
	return r
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case error:
		return v.Error()
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case fmt.Stringer:
		return v.String()
	case hclog.Format:
		if len(v) > 0 {
			if layout, ok := v[0].(string); ok {
				return fmt.Sprintf(layout, v[1:]...)
			}
		}
	}
	return fmt.Sprint(v)
}

package web

import (
	"context"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// logHandler hands what a library logs with log/slog on to our logger. Groups
// are not kept: the toolkit has none.
type logHandler struct{ to hclog.Logger }

// Enabled tells whether anything of a level is wanted.
func (h logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.to.GetLevel() <= hclogLevel(level)
}

// Handle logs one line.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	var args []any
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, a.Key, a.Value.String())
		return true
	})
	h.to.Log(hclogLevel(r.Level), r.Message, args...)
	return nil
}

// WithAttrs adds what stands in every line.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var args []any
	for _, a := range attrs {
		args = append(args, a.Key, a.Value.String())
	}
	return logHandler{h.to.With(args...)}
}

// WithGroup names what follows.
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.to.Named(name)} }

// hclogLevel is a level in our logger's words. What the toolkit calls info
// (where it listens) the daemon says itself.
func hclogLevel(l slog.Level) hclog.Level {
	switch {
	case l >= slog.LevelError:
		return hclog.Error
	case l >= slog.LevelWarn:
		return hclog.Warn
	}
	return hclog.Debug
}

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func TestLogfmt(t *testing.T) {
	tests := []struct {
		msg  string
		args []any
		want string
	}{
		{"ready", nil, "msg=ready"},
		{"two words", []any{"service", "checkout"}, `msg="two words" service=checkout`},
		{"m", []any{"err", errors.New(`open "x": no`)}, `msg=m err="open \"x\": no"`},
		{"m", []any{"took", 90 * time.Second, "n", 3, "empty", ""}, `msg=m took=1m30s n=3 empty=""`},
		{"m", []any{"text", "a\nb=c"}, `msg=m text="a\nb=c"`},
		{"m", []any{"a key", 1, "lonely"}, `msg=m a_key=1 extra=lonely`},
		{"m", []any{"x", hclog.Fmt("%d%%", 5)}, `msg=m x=5%`},
		{"m", []any{"at", three()}, `msg=m at=2026-03-01T03:00:00Z`},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		l := &logfmt{w: &out, level: hclog.Info, now: three}
		l.Accept("web", hclog.Warn, tt.msg, tt.args...)
		l.Accept("web", hclog.Debug, "not shown")
		want := "ts=2026-03-01T03:00:00.000Z level=warn component=web " + tt.want + "\n"
		if out.String() != want {
			t.Errorf("got  %swant %s", out.String(), want)
		}
	}
}

// FuzzLogfmt: whatever is logged stays on one line.
func FuzzLogfmt(f *testing.F) {
	f.Add("msg", "key", "value")
	f.Add("a\nb", "k=\"", "\x00\xff")
	f.Fuzz(func(t *testing.T, msg, key, value string) {
		var out bytes.Buffer
		l := &logfmt{w: &out, level: hclog.Info, now: three}
		l.Accept("", hclog.Info, msg, key, value)
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
			t.Errorf("got %q", got)
		}
	})
}

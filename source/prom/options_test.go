package prom_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/source/prom"
)

func TestNewSaysAllThatIsWrong(t *testing.T) {
	_, err := prom.New(prom.Options{
		URLs: []string{"localhost:9090"}, Poll: time.Millisecond,
		Services: []prom.Service{{Name: "checkout", Vars: map[string]string{"x": `a"b`}}},
		Metrics: []prom.Metric{
			{Name: "none"},
			{Name: "both", Query: "q", Bad: "b", Total: "t"},
			{Name: "half", Bad: "b"},
			{Name: "quote", Query: "${vars.x}"},
			{Name: "unknown", Query: "${vars.y}"},
			{Name: "open", Query: "${service"},
			{Name: "twice", Query: "q"},
			{Name: "twice", Query: "q"},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"not an http url", "poll interval", "no sink", "metrics.none: want either", "metrics.both: want either",
		"metrics.half: want either", `metrics.quote: service checkout: ${vars.x} is "a\"b"`, "${vars.y} is not known", "metrics.twice: defined twice",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not say %q:\n%v", part, err)
		}
	}
}

func TestExpand(t *testing.T) {
	service := prom.Service{Name: "checkout", Match: "co", Vars: map[string]string{"limit": "0.5", "env": "prod", "quote": "a'b", "line": "a\nb", "back": `a\b`, "empty": ""}}
	tests := []struct{ query, want string }{
		{`up{service="${service}",env="${vars.env}"} > ${vars.limit}`, `up{service="co",env="prod"} > 0.5`},
		{`up{a=~"x$"}`, `up{a=~"x$"}`},
		{`${vars.quote}`, ""},
		{`${vars.line}`, ""},
		{`${vars.back}`, ""},
		{`${vars.empty}`, ""},
		{`${vars.other}`, ""},
		{`${limit}`, ""},
		{`${}`, ""},
	}
	for _, tt := range tests {
		got, err := prom.Expand(tt.query, service)
		if (err != nil) != (tt.want == "") || err == nil && got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.query, got, err, tt.want)
		}
	}
}

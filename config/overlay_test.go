package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

func TestParseSetting(t *testing.T) {
	tests := []struct {
		text  string
		key   []string
		value any
	}{
		{"a.b=5", []string{"a", "b"}, int64(5)},
		{"a=5m", []string{"a"}, "5m"},
		{"a = true", []string{"a"}, true},
		{`a="5"`, []string{"a"}, "5"},
		{"a=error_rate >= 2% for 2m", []string{"a"}, "error_rate >= 2% for 2m"},
		{`a=sum(x{code="500"})`, []string{"a"}, `sum(x{code="500"})`},
		{`a."b.c=d".e=[1, 2]`, []string{"a", "b.c=d", "e"}, []any{int64(1), int64(2)}},
		{`a={ b = "c" }`, []string{"a"}, map[string]any{"b": "c"}},
		{"a=", []string{"a"}, ""},
		{"a=1\nb=2", []string{"a"}, "1\nb=2"},
		{"a", nil, nil},
		{"=1", nil, nil},
		{"a b=1", nil, nil},
		{"a=1 # b", []string{"a"}, int64(1)},
	}
	for _, tt := range tests {
		got, err := config.ParseSetting(tt.text, "--set")
		if (err != nil) != (tt.key == nil) {
			t.Errorf("%q: error %v", tt.text, err)
			continue
		}
		if diff := cmp.Diff([]any{tt.key, tt.value}, []any{got.Key, got.Value}); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}

// A setting counts over the file and what it includes, with all of the validation;
// mistakes that are the file's keep their lines.
func TestLoadWith(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "main.toml")
	for name, text := range map[string]string{
		"main.toml": "include = [\"more.toml\"]\n[prometheus]\nurl = \"http://p:9090\"\n[metrics]\nm = \"x\"\n",
		"more.toml": "[services.checkout.triggers]\nt = { when = \"m > 1\", severity = \"low\" }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := func(texts ...string) []config.Setting {
		var all []config.Setting
		for _, text := range texts {
			s, err := config.ParseSetting(text, "--set")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		return all
	}
	c, report := config.LoadWith(main, set("services.checkout.triggers.t.when=m > 2 for 1m", "services.checkout.match=co"))
	if c == nil {
		t.Fatal(report.Err())
	}
	if got := c.Services["checkout"].Triggers[0].When; got != "m > 2 for 1m" || c.Services["checkout"].Match != "co" {
		t.Errorf("when %q and match %q, want what was set", got, c.Services["checkout"].Match)
	}
	_, report = config.LoadWith(main, set("services.checkout.triggers.t.when=n > 2", "metrics.m=7", "nope.x=1"))
	var got []string
	for _, p := range report.Errors {
		got = append(got, filepath.Base(p.File)+": "+p.Key)
	}
	want := []string{"--set: metrics.m", "--set: nope", "--set: services.checkout.triggers.t.when"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s\n%v", diff, report.Err())
	}
	_, report = config.LoadWith(main, set("services.chekout.tier=1", "services.checkout.triggers.tt.when=m > 1", "metrics.n.unit=ratio"))
	got = nil
	for _, p := range report.Errors {
		got = append(got, p.Key+": "+p.Text)
	}
	want = []string{
		`metrics.n: there is no metric "n" (want m)`,
		`services.checkout.triggers.tt: there is no trigger "tt" (want t)`,
		`services.chekout: there is no service "chekout" (did you mean "checkout"?)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names that no file has (-want +got):\n%s", diff)
	}
	// Nothing is left of a setting: the file is as it was.
	if c, report = config.Load(main); c == nil || c.Services["checkout"].Triggers[0].When != "m > 1" {
		t.Errorf("the file as it stands: %v", report.Err())
	}
}

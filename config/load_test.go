package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// folder writes files and returns the folder they are in.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIncludeAndFolder(t *testing.T) {
	parts := map[string]string{
		"conf.d/a.toml": "[services.a]\ntier = \"1\"\n[metrics]\nx = 'up'\n[nats]\nurl = \"nats://bus:4222\"\ntoken_file = \"token\"\n",
		"conf.d/b.toml": "[services.b]\nplan = \"p\"\n[plans.p]\nsteps = [{ exec = [\"/bin/true\"] }]\n",
		"main.toml":     "include = [\"conf.d/*.toml\"]\n[services.c]\n",
	}
	dir := folder(t, parts)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	whole, report := config.Load(filepath.Join(dir, "main.toml"))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if len(whole.Services) != 3 || whole.Services["b"].Plan == nil || whole.Metrics["x"].Query != "up" {
		t.Errorf("services %v", whole.Services)
	}
	if got, want := whole.NATS.Token.Path(), filepath.Join(dir, "conf.d", "token"); got != want {
		t.Errorf("a file is named relative to the file that names it: %s, want %s", got, want)
	}
	part, report := config.Load(filepath.Join(dir, "conf.d"))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if len(part.Services) != 2 {
		t.Errorf("services of the folder: %v", part.Services)
	}
	if got, want := part.NATS.Token.Path(), filepath.Join(dir, "conf.d", "token"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestLoadErrors(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		load  string
		want  []string
	}{
		{
			"one name in two files",
			map[string]string{
				"a.toml": "# a\n[services.checkout]\n[web]\nlisten = \"127.0.0.1:1\"\n",
				"b.toml": "[services.checkout]\ntier = \"1\"\n[web]\nlisten = \"127.0.0.1:1\"\n",
			},
			".",
			[]string{
				"b.toml:1: services.checkout: is in a.toml:2 as well: a name stands in one file only",
				"b.toml:3: web: is in a.toml:3 as well: a name stands in one file only",
			},
		},
		{
			"each problem in its own file",
			map[string]string{
				"main.toml": "include = [\"x.toml\"]\n\n[web]\nlisen = \"a\"\n",
				"x.toml":    "[services.a]\nteir = \"1\"\n",
			},
			"main.toml",
			[]string{
				"main.toml:4: web.lisen: unknown key \"lisen\" (did you mean \"listen\"?)",
				"x.toml:2: services.a.teir: unknown key \"teir\" (did you mean \"tier\"?)",
			},
		},
		{
			"an include that includes",
			map[string]string{"main.toml": "include = [\"x.toml\"]\n", "x.toml": "\ninclude = [\"y.toml\"]\n"},
			"main.toml",
			[]string{"x.toml:2: include: only the file that is given may include others"},
		},
		{
			"a syntax error in an include",
			map[string]string{"main.toml": "include = [\"*.toml\"]\n[services.a]\nplan = \"p\"\n", "x.toml": "[plans.p\n"},
			"main.toml",
			[]string{"x.toml:1: expected '.' or ']' to end table name, but got '\\n' instead"},
		},
		{"an empty folder", map[string]string{"x.txt": ""}, ".", []string{".: no *.toml file in this folder"}},
		{"no such file", map[string]string{"x.txt": ""}, "none.toml", []string{"none.toml: stat none.toml: no such file or directory"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(folder(t, test.files))
			c, report := config.Load(test.load)
			if c != nil {
				t.Error("a configuration came back")
			}
			if diff := cmp.Diff(strings.Join(test.want, "\n")+"\n", errorText(report)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequireCorroboration(t *testing.T) {
	tests := []struct {
		name, nats string
		want       bool
	}{
		{"loopback", `url = "nats://127.0.0.1:4222"`, false},
		{"loopback by name and v6", `url = "nats://localhost:4222, nats://[::1]:4222"`, false},
		{"one of two elsewhere", `url = "nats://localhost:4222,nats://bus:4222"`, true},
		{"elsewhere", `url = "nats://bus:4222"`, true},
		{"a name like loopback", `url = "nats://127.0.0.1.example.com:4222"`, true},
		{"elsewhere with creds", "url = \"nats://bus:4222\"\ncreds_file = \"x\"", false},
		{"elsewhere with a certificate", "url = \"tls://bus:4222\"\ntls = { cert_file = \"c\", key_file = \"k\" }", false},
		{"elsewhere with TLS that only hides", "url = \"nats://bus:4222\"\ntls = true", true},
		{"written", "url = \"nats://bus:4222\"\nrequire_corroboration = false", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := must(t, "[nats]\n"+test.nats+"\n")
			if got := c.BrainOptions().Corroborate; got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
	c, _ := must(t, "")
	if c.BrainOptions().Corroborate {
		t.Error("without a bus nothing is to corroborate")
	}
}

package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

const manySecrets = `
[prometheus]
url = "http://127.0.0.1:9090"

[metrics]
errors = 'sum by (service) (rate(errors_total[1m]))'

[receivers.ops]
webhook = { url = "https://hooks.example.com/services/T0/CANARYpath?access_token=CANARYquery", secret_file = "hook.key" }

[services.checkout]
deployment = { symlink = "/srv/checkout/current" }

[services.checkout.triggers]
errors = { when = "errors > 1/s for 2m", severity = "critical" }

[[services.checkout.rollback.steps]]
name = "call"
http = { method = "POST", url = "https://lb.example.com/hooks/CANARY0123456789abcdef/off?for=CANARYvalue&v=${target_version}", headers = { X-Key = "CANARYheader" }, body = "CANARYbody" }

[[services.checkout.rollback.steps]]
name = "undo"
exec = ["/usr/bin/undo", "--api-key", "CANARYafter", "--token=CANARYassigned", "PASSWORD=CANARYenv", "https://bob:CANARYuser@host/x", "--to", "${target_version}"]
`

func TestPublicHidesWhatMayBeSecret(t *testing.T) {
	c := mustRead(t, folder(t, map[string]string{"rollbackd.toml": manySecrets})+"/rollbackd.toml")
	all, err := c.Public()
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	asTOML, err := c.PublicTOML()
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"JSON": string(asJSON), "TOML": string(asTOML)} {
		if i := strings.Index(text, "CANARY"); i >= 0 {
			t.Errorf("%s shows a secret: …%s…", form, text[max(0, i-60):min(len(text), i+30)])
		}
		for _, want := range []string{"https://hooks.example.com/", "hook.key", "${target_version}", "/usr/bin/undo", "lb.example.com/hooks/", "rate(errors_total[1m])"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %s:\n%s", form, want, text)
			}
		}
	}
	var again map[string]any
	if _, err := toml.Decode(string(asTOML), &again); err != nil {
		t.Fatal(err)
	}
	againJSON, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(asJSON), string(againJSON)); diff != "" {
		t.Errorf("the two forms differ (-JSON +TOML):\n%s", diff)
	}
}

func TestPublicOfEveryGoodFile(t *testing.T) {
	for _, name := range []string{"empty", "smallest"} {
		c := mustRead(t, "testdata/good/"+name+".toml")
		before := c.Hash()
		if all, err := c.Public(); err != nil || len(all) == 0 {
			t.Errorf("%s: %d tables, %v", name, len(all), err)
		}
		if c.Hash() != before {
			t.Errorf("%s: showing the configuration changed it", name)
		}
	}
}

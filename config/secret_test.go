package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/rollbackd/rollbackd/config"
)

func TestSecretPrintsAsMask(t *testing.T) {
	s := struct{ Key config.Secret }{"hunter2"}
	var asTOML bytes.Buffer
	if err := toml.NewEncoder(&asTOML).Encode(s); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	prints := []string{asTOML.String(), string(asJSON), s.Key.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		prints = append(prints, fmt.Sprintf(verb, s.Key), fmt.Sprintf(verb, s))
	}
	for _, text := range prints {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("printed: %s", text)
		}
	}
	if string(asJSON) != `{"Key":"\u003csecret\u003e"}` {
		t.Errorf("JSON: %s", asJSON)
	}
}

func TestReadSecret(t *testing.T) {
	dir := folder(t, map[string]string{
		"rollbackd.toml": "[nats]\nurl = \"nats://bus:4222\"\nuser = \"u\"\npassword_file = \"pw\"\n" +
			"[receivers.env]\nwebhook = { url = \"https://a\", secret_env = \"ROLLBACKD_TEST_KEY\" }\n" +
			"[receivers.none]\nwebhook = { url = \"https://a\", secret_file = \"not-there\" }\n" +
			"[receivers.empty]\nwebhook = { url = \"https://a\", secret_file = \"empty\" }\n",
		"pw": "from the folder\n", "empty": "\n", "credentials/pw": "from systemd\r\n",
	})
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	c, report := config.Load(filepath.Join(dir, "rollbackd.toml"))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.NATS.Password.Read(); got != "from the folder" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	// systemd's credentials come first, and only where the file is there.
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Join(dir, "credentials"))
	if got, err := c.NATS.Password.Read(); got != "from systemd" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.Remove(filepath.Join(dir, "credentials", "pw")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.NATS.Password.Read(); got != "from the folder" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	env := c.Receivers["env"].Webhook.Secret
	if _, err := env.Read(); err == nil {
		t.Error("an unset variable gave a secret")
	}
	t.Setenv("ROLLBACKD_TEST_KEY", "hunter2")
	if got, err := env.Read(); got != "hunter2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, name := range []string{"none", "empty"} {
		if got, err := c.Receivers[name].Webhook.Secret.Read(); err == nil {
			t.Errorf("%s: %q without an error", name, got)
		}
	}
	if _, err := (config.SecretRef{}).Read(); err == nil {
		t.Error("no secret is configured, and one was read")
	}
	text, err := c.Effective("")
	if err != nil || bytes.Contains(text, []byte("hunter2")) || !bytes.Contains(text, []byte("ROLLBACKD_TEST_KEY")) {
		t.Errorf("effective: %v\n%s", err, text)
	}
}

func TestMaskURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://a/b":                        "https://a/b",
		"https://a/b?channel=ops&token=x":    "https://a/b?channel=ops&token=<secret>",
		"https://a/b?sig=x&X-Api-Key=y&page": "https://a/b?sig=<secret>&X-Api-Key=<secret>&page",
		"https://a/b?SIG=x&%74oken=y":        "https://a/b?SIG=<secret>&%74oken=<secret>",
	} {
		if got := config.MaskURL(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestCredentialsInAStepsAddress(t *testing.T) {
	for query, refused := range map[string]bool{
		"token=hunter2": true, "a=1&sig=hunter2": true, "signature=hunter2": true, "key=hunter2": true, "api_key=hunter2": true,
		"apikey=hunter2": true, "API-Key=hunter2": true, "secret=hunter2": true, "password=hunter2": true, "access_token=hunter2": true,
		"auth=hunter2": true, "a=1;token=hunter2": true, "%74oken=hunter2": true, "token=${service}hunter2": true,
		"token=${service}#x": false, "token=": false, "token": false, "service=checkout&state=off": false, "#token=x": false,
		"monkey=1&author=a&design=b": false,
	} {
		_, report := config.Parse("rollbackd.toml", []byte("[plans.a]\nsteps = [{ http = { url = \"https://lb/off?"+query+"\" } }]\n"))
		text := errorText(report)
		if refused != strings.Contains(text, "2: plans.a.steps[0].http.url: a secret may not stand in the file") || !refused && text != "" {
			t.Errorf("%s: refused is to be %t: %s", query, refused, text)
		}
		if strings.Contains(text, "hunter2") {
			t.Errorf("the secret is printed: %s", text)
		}
	}
}

package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/incident"
)

// What fits just so is taken, and goes to the brain as it is written.
func TestServiceLabels(t *testing.T) {
	want := incident.Labels{
		"team": "shop", "_site": "eu-1", strings.Repeat("n", 128): strings.Repeat("ä", 256),
	}
	var text strings.Builder
	text.WriteString("[services.checkout.labels]\n")
	for name, value := range want {
		fmt.Fprintf(&text, "%s = %q\n", name, value)
	}
	for i := len(want); i < 32; i++ {
		name := fmt.Sprintf("l%d", i)
		want[name] = "x"
		fmt.Fprintf(&text, "%s = \"x\"\n", name)
	}
	c, report := config.Parse("x.toml", []byte(text.String()+"[services.cart]\nlabels = {}\n"))
	if c == nil {
		t.Fatal(report.Err())
	}
	services := c.BrainOptions().Services
	if diff := cmp.Diff(want, services["checkout"].Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got := services["cart"].Labels; got != nil {
		t.Errorf("an empty table is %v, want none", got)
	}
}

func TestServiceLabelsThatAreTooLong(t *testing.T) {
	text := fmt.Sprintf("[services.checkout.labels]\n%s = \"x\"\nteam = %q\n", strings.Repeat("n", 129), strings.Repeat("ä", 257))
	_, report := config.Parse("x.toml", []byte(text))
	want := "x.toml:2: services.checkout.labels." + strings.Repeat("n", 129) + ": a label's name has at most 128 characters\n" +
		"x.toml:3: services.checkout.labels.team: want at most 256 characters on one line\n"
	if diff := cmp.Diff(want, errorText(report)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// Every label that others would refuse, or take for none, is named at once.
func TestServiceLabelsThatAreRefused(t *testing.T) {
	text := `[services.checkout.labels]
1st         = "x"
__address__ = "x"
"ä"         = "x"
service     = "x"
trigger     = "x"
api_token   = "x"
count       = 3
empty       = ""
lines       = "two\nlines"
filled      = "${service}"
`
	_, report := config.Parse("x.toml", []byte(text))
	syntax := "a label's name is a letter or '_', then letters, digits and '_'"
	var want strings.Builder
	for i, line := range []string{
		"1st: " + syntax,
		"__address__: names that begin with \"__\" are Prometheus's own",
		"\"ä\": " + syntax,
		"service: rollbackd sets this label itself",
		"trigger: rollbackd sets this label itself",
		"api_token: a secret may not stand in the file: labels are shown to everybody",
		"count: want a string, not a whole number",
		"empty: must not be empty: to Prometheus a label without a value is none",
		"lines: want at most 256 characters on one line",
		"filled: takes no ${…}: it goes out as it stands here",
	} {
		fmt.Fprintf(&want, "x.toml:%d: services.checkout.labels.%s\n", i+2, line)
	}
	if diff := cmp.Diff(want.String(), errorText(report)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	var many strings.Builder
	many.WriteString("[services.checkout.labels]\n")
	for i := range 33 {
		fmt.Fprintf(&many, "l%d = \"x\"\n", i)
	}
	_, report = config.Parse("x.toml", []byte(many.String()))
	if diff := cmp.Diff("x.toml:1: services.checkout.labels: has 33 labels, and at most 32 are carried\n", errorText(report)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

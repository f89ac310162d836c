package config_test

import (
	"os"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/config"
)

// The hints for unknown keys are written down once more than the readers; they
// must be the same keys.
func TestHintsKnowEveryKey(t *testing.T) {
	data, err := os.ReadFile("testdata/good/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	asked := config.AskedKeys("full.toml", data)
	hints := config.HintKeys()
	for _, kind := range config.Kinds(hints) {
		if diff := cmp.Diff(hints[kind], asked[kind]); diff != "" {
			t.Errorf("keys of %q (-hints +readers):\n%s", kind, diff)
		}
	}
}

func TestInlineOfATestFile(t *testing.T) {
	var file struct{ Inline map[string]any }
	if _, err := toml.DecodeFile("testdata/good/inline.toml", &file); err != nil {
		t.Fatal(err)
	}
	c, report := config.FromTable(file.Inline, "inline.toml")
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d := c.BrainOptions().Services["checkout"].Deployment
	if d.HasSource || !d.Required || d.OnsetSlack != 0 {
		t.Errorf("deployment: %+v", d)
	}
	v := c.BrainOptions().Services["checkout"].Plan.Verify
	if v.Settle != 30*time.Second || v.Hold != time.Minute || v.Within != 5*time.Minute {
		t.Errorf("verify: %+v", v)
	}
	file.Inline["services"].(map[string]any)["checkout"].(map[string]any)["teir"] = "1"
	_, report = config.FromTable(file.Inline, "inline.toml")
	want := "inline.toml: services.checkout.teir: unknown key \"teir\" (did you mean \"tier\"?)\n"
	if diff := cmp.Diff(want, errorText(report)); diff != "" {
		t.Error(diff)
	}
}

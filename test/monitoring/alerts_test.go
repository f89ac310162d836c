package monitoring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"

	"github.com/rollbackd/rollbackd/test/world"
)

// alert is one rule of alerts.yml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, filepath.Join(shipped, "alerts.yml"), &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("alerts.yml has no alert")
	}
	return all
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promtool runs Prometheus's own tool in the folder of what is shipped.
func promtool(t *testing.T, stdin string, argv ...string) {
	t.Helper()
	cmd := exec.Command(world.Require(t, "promtool"), argv...)
	cmd.Dir, cmd.Stdin = shipped, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

func TestTheAlertsFireWhenTheyShould(t *testing.T) {
	promtool(t, "", "check", "rules", "alerts.yml")
	promtool(t, "", "test", "rules", "alerts_test.yml")
}

// TestEveryAlertIsTried looks that alerts_test.yml has each alert both fire and
// not fire.
func TestEveryAlertIsTried(t *testing.T) {
	var file struct {
		Tests []struct {
			Alerts []struct {
				Alertname string `yaml:"alertname"`
				Expected  []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, filepath.Join(shipped, "alerts_test.yml"), &file)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, group := range file.Tests {
		for _, a := range group.Alerts {
			if len(a.Expected) > 0 {
				fires[a.Alertname] = true
			} else {
				quiet[a.Alertname] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: a test that it fires: %t, one that it does not: %t; want both", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
	}
}

// TestEveryAlertSaysWhatToDo holds what each alert must have for the one who is
// woken: a severity, what happened, a command, and its place in the runbook.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	runbook := read(t, filepath.Join(docs, "runbook.md"))
	page := read(t, filepath.Join(docs, "monitoring.md"))
	command := regexp.MustCompile(`\b(rollbackd [a-z]|systemctl |journalctl |df |iostat )`)
	for _, a := range alerts(t) {
		if a.For == "" {
			t.Errorf("%s: no for", a.Alert)
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || !command.MatchString(a.Annotations["description"]) {
			t.Errorf("%s: want a summary, and a description with a command; they are %q", a.Alert, a.Annotations)
		}
		_, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "docs/runbook.md#")
		if anchor != strings.ToLower(a.Alert) || !strings.Contains(runbook, "\n### "+a.Alert+"\n") {
			t.Errorf("%s: runbook_url %q, and docs/runbook.md has a section of that name: %t", a.Alert, a.Annotations["runbook_url"], strings.Contains(runbook, "\n### "+a.Alert+"\n"))
		}
		if !strings.Contains(page, "`"+a.Alert+"`") {
			t.Errorf("%s is not on docs/monitoring.md", a.Alert)
		}
	}
}

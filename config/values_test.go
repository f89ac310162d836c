package config_test

import (
	"testing"

	"github.com/rollbackd/rollbackd/config"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"64MiB": 64 << 20, "1GiB": 1 << 30, "2 KiB": 2048, "10MB": 10e6, "1B": 1, "1500B": 1500,
		"": 0, "64": 0, "MiB": 0, "-1MiB": 0, "0MiB": 0, "1.5GiB": 0, "64mib": 0, "9999999999999GiB": 0,
	} {
		got, err := config.ParseSize(text)
		if (err != nil) != (want == 0) || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
			continue
		}
		if err != nil {
			continue
		}
		if again, err := config.ParseSize(config.SizeText(got)); again != got || err != nil {
			t.Errorf("%q written as %q reads as %d, %v", text, config.SizeText(got), again, err)
		}
	}
}

func TestShares(t *testing.T) {
	for text, want := range map[string]float64{
		"50%": 0.5, "12.5%": 0.125, "100%": 1, "33.333%": 0.33333, "0.001%": 0.00001,
		"0%": 0, "101%": 0, "-5%": 0, "0.5": 0, "NaN%": 0, "%": 0, "": 0,
	} {
		got, err := config.ParseShare(text)
		if (err != nil) != (want == 0) || got < want-1e-12 || got > want+1e-12 {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
			continue
		}
		if err == nil && config.ShareText(got) != text {
			t.Errorf("%q is written as %q", text, config.ShareText(got))
		}
	}
}

func TestKillsDaemon(t *testing.T) {
	for _, test := range []struct {
		argv []string
		want bool
	}{
		{[]string{"systemctl", "restart", "checkout.service"}, false},
		{[]string{"systemctl", "restart", "rollbackd.service"}, true},
		{[]string{"/usr/bin/systemctl", "--no-block", "stop", "rollbackd"}, true},
		{[]string{"sudo", "systemctl", "kill", "rollbackd@shop.service"}, true},
		{[]string{"systemctl", "status", "rollbackd"}, false},
		{[]string{"systemctl", "reload", "rollbackd"}, false},
		{[]string{"systemctl", "reboot"}, true},
		{[]string{"/sbin/reboot"}, true},
		{[]string{"shutdown", "-r", "now"}, true},
		{[]string{"service", "rollbackd", "restart"}, true},
		{[]string{"pkill", "-f", "rollbackd"}, true},
		{[]string{"killall", "checkout"}, false},
		{[]string{"sh", "-c", "systemctl stop rollbackd; sleep 1"}, true},
		{[]string{"sh", "-c", "echo 'rollbackd says hello'"}, false},
		{[]string{"rollbackd", "status"}, false},
		{[]string{"/opt/shutdown-traffic", "checkout"}, false},
		{nil, false},
	} {
		if got := config.KillsDaemon(test.argv...); got != test.want {
			t.Errorf("%q: %t, want %t", test.argv, got, test.want)
		}
	}
}

func TestLookBack(t *testing.T) {
	for query, want := range map[string]string{
		"up":                                       "0s",
		"up offset 10m":                            "10m",
		"up offset -10m":                           "0s",
		"rate(x[5m])":                              "5m",
		"rate(x[5m] offset 1h)":                    "1h5m",
		"max_over_time(rate(x[5m])[30m:1m])":       "35m",
		"rate(x[1m]) / rate(x[1h])":                "1h",
		"max_over_time(up[10m:] offset 5m) > 1":    "15m",
		"histogram_quantile(0.9, rate(x[2m])) * 3": "2m",
		"vector(1)":                                "0s",
	} {
		c, _ := must(t, `[prometheus]
url = "http://127.0.0.1:9090"
poll_interval = "1s"
[metrics]
m = '`+query+`'
[services.a.triggers]
t = { when = "m > 1", severity = "low" }
`)
		got, err := c.Effective("a")
		if err != nil {
			t.Fatal(err)
		}
		wantRange := "longest range " + want + "\n"
		if first := firstLine(string(got)); len(first) < len(wantRange) || first[len(first)-len(wantRange):] != wantRange {
			t.Errorf("%s: %s, want %s", query, first, wantRange)
		}
	}
}

func firstLine(text string) string {
	for i := range text {
		if text[i] == '\n' {
			return text[:i+1]
		}
	}
	return text
}

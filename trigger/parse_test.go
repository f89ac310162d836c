package trigger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/trigger"
)

func units() map[string]trigger.Unit {
	return map[string]trigger.Unit{
		"error_rate": trigger.Ratio, "cpu": trigger.Percent,
		"latency_p99": trigger.Seconds, "latency_ms": trigger.Milliseconds,
		"heap": trigger.Bytes, "restarts": trigger.Count, "request_rate": trigger.PerSecond,
		"queue": trigger.NoUnit, "5xx_rate": trigger.Ratio, "health": trigger.NoUnit,
	}
}

func options() trigger.ParseOptions {
	return trigger.ParseOptions{Units: units(), Vars: map[string]string{
		"limit": "1.5%", "n": "3", "d": "2m", "empty": "", "word": "and", "inject": "1 and queue > 2", "metric": "queue",
	}}
}

func compare(metric string, op trigger.Op, threshold float64, text string) trigger.Condition {
	return trigger.Condition{
		Kind: trigger.Compare, Text: metric + " " + string(op) + " " + text,
		Metric: metric, Op: op, Threshold: threshold, ThresholdText: text,
	}
}

func TestParse(t *testing.T) {
	const errors1 = "error_rate > 1%"
	breach := compare("error_rate", trigger.Greater, 0.01, "1%")
	tests := []struct {
		when string
		want trigger.Expr
	}{
		{errors1, trigger.Expr{Text: errors1, Conditions: []trigger.Condition{breach}}},
		{
			"  error_rate > 1% for 1m30s ",
			trigger.Expr{Text: "error_rate > 1% for 1m30s", Conditions: []trigger.Condition{breach}, Hold: trigger.Hold{For: 90 * time.Second}},
		},
		{
			"error_rate > 1% in 3 of 5 samples",
			trigger.Expr{Text: "error_rate > 1% in 3 of 5 samples", Conditions: []trigger.Condition{breach}, Hold: trigger.Hold{N: 3, M: 5}},
		},
		{
			"error_rate>1%\nand latency_p99 absent",
			trigger.Expr{Text: "error_rate>1%\nand latency_p99 absent", Conditions: []trigger.Condition{
				func() trigger.Condition { c := breach; c.Text = "error_rate>1%"; return c }(),
				{Kind: trigger.Absent, Text: "latency_p99 absent", Metric: "latency_p99"},
			}},
		},
		{
			"1 consecutive health failure",
			trigger.Expr{Text: "1 consecutive health failure", Conditions: []trigger.Condition{
				{Kind: trigger.ConsecutiveFailures, Text: "1 consecutive health failure", Count: 1},
			}},
		},
		{
			"${vars.n} consecutive health failures and health failing for ${vars.d}",
			trigger.Expr{Text: "3 consecutive health failures and health failing for 2m", Conditions: []trigger.Condition{
				{Kind: trigger.ConsecutiveFailures, Text: "3 consecutive health failures", Count: 3},
				{Kind: trigger.HealthFailing, Text: "health failing"},
			}, Hold: trigger.Hold{For: 2 * time.Minute}},
		},
		{
			"event deployment_failed and error_rate > 1% for 2m",
			trigger.Expr{Text: "event deployment_failed and error_rate > 1% for 2m", Conditions: []trigger.Condition{
				{Kind: trigger.Event, Text: "event deployment_failed", Event: "deployment_failed"}, breach,
			}, Hold: trigger.Hold{For: 2 * time.Minute}},
		},
		{
			"error_rate >= ${vars.limit}",
			trigger.Expr{Text: "error_rate >= 1.5%", Conditions: []trigger.Condition{compare("error_rate", trigger.GreaterOrEqual, 0.015, "1.5%")}},
		},
		{
			"health > 3 and 5xx_rate > 1%", // names that look like other conditions
			trigger.Expr{Text: "health > 3 and 5xx_rate > 1%", Conditions: []trigger.Condition{
				compare("health", trigger.Greater, 3, "3"), compare("5xx_rate", trigger.Greater, 0.01, "1%"),
			}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			got, err := trigger.Parse(tt.when, options())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThresholdIsInTheMetricsUnit(t *testing.T) {
	tests := []struct {
		condition string
		want      float64
	}{
		{"error_rate > 1%", 0.01},
		{"error_rate > 1.1%", 0.011},
		{"error_rate > 0.01", 0.01},
		{"error_rate >= 100%", 1},
		{"cpu > 90%", 90},
		{"cpu > 90", 90},
		{"cpu > 1.1%", 1.1},
		{"latency_p99 > 500ms", 0.5},
		{"latency_p99 > 5s", 5},
		{"latency_p99 > 2m", 120},
		{"latency_p99 > 1m30s", 90},
		{"latency_p99 > 0.25s", 0.25},
		{"latency_p99 > 0.25", 0.25},
		{"latency_p99 > 250us", 0.00025},
		{"latency_ms > 500ms", 500},
		{"latency_ms > 1.5s", 1500},
		{"latency_ms > 250", 250},
		{"heap > 64MiB", 64 << 20},
		{"heap > 1KiB", 1024},
		{"heap > 1KB", 1000},
		{"heap > 2.5GB", 2.5e9},
		{"heap > 1GiB", 1 << 30},
		{"heap > 512B", 512},
		{"heap > 1e9", 1e9},
		{"request_rate < 10/min", 10.0 / 60},
		{"request_rate < 10/s", 10},
		{"request_rate < 36/h", 0.01},
		{"request_rate < 5", 5},
		{"restarts > 3", 3},
		{"queue > -5", -5},
		{"queue > 1.5e-3", 0.0015},
		{"queue > +2", 2},
		{"queue > .5", 0.5},
		{"queue < 1%", 0.01},
		{"queue < 500ms", 0.5},
	}
	for _, tt := range tests {
		got, err := trigger.Parse(tt.condition, options())
		if err != nil {
			t.Errorf("%s: %v", tt.condition, err)
			continue
		}
		if got.Conditions[0].Threshold != tt.want {
			t.Errorf("%s: threshold %v, want %v", tt.condition, got.Conditions[0].Threshold, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		when    string
		column  int
		message string // a part of the first line
	}{
		{"", 1, "a condition is missing"},
		{"error_rat > 1%", 1, `unknown metric "error_rat" (did you mean "error_rate"?)`},
		{"zzz > 1%", 1, `unknown metric "zzz" (the metrics are 5xx_rate, cpu,`},
		{"error_rate", 11, `a comparison is missing after "error_rate"`},
		{"error_rate >", 13, `a quantity is missing after ">"`},
		{"error_rate > > 1", 14, "a quantity is missing"},
		{"> 1%", 1, `a metric is missing before ">"`},
		{"error_rate = 1%", 12, `"=" is not a comparison (did you mean "=="?)`},
		{"error_rate => 1%", 12, `did you mean ">="?`},
		{"error_rate > much", 14, `"much" is not a quantity`},
		{"error_rate > 1e999", 14, `"1e999" is too large`},
		{"heap > 1e308TiB", 8, `"1e308TiB" is too large`},
		{"heap > 1" + strings.Repeat("0", 64), 8, "is too long for a quantity"},
		{"heap > 5XB", 8, `"5XB" has an unknown unit "XB"`},
		{"error_rate > 500ms", 14, `metric "error_rate" is a ratio, but "500ms" is a time (expected a quantity such as 1%`},
		{"latency_p99 > 1%", 15, `metric "latency_p99" is in seconds, but "1%" is a ratio (expected a time such as 500ms`},
		{"restarts > 10/min", 12, `metric "restarts" is a count, but "10/min" is a rate per second (expected a plain number`},
		{"request_rate > 64MiB", 16, `is a rate per second, but "64MiB" is a size (expected a rate such as 10/min`},
		{"heap > 5s", 8, `is in bytes, but "5s" is a time (expected a size such as 64MiB`},
		{"error_rate > 150%", 14, `"> 150%" makes no difference: metric "error_rate" is a ratio`},
		{"error_rate > 1", 14, `"> 1" makes no difference`},
		{"error_rate > 100%", 14, `"> 100%" makes no difference`},
		{"error_rate < 0", 14, `"< 0" makes no difference`},
		{"error_rate >= -1%", 15, `makes no difference`},
		{"cpu > 150", 7, `makes no difference: metric "cpu" is a percent`},
		{"queue > 150%", 9, `makes no difference: metric "queue" is a ratio`},
		{"restarts < -1", 12, "makes no difference"},
		{"error_rate > ${vars.limt}", 14, "variable ${vars.limt} is not set (did you mean ${vars.limit}?)"},
		{"error_rate > ${vars.empty}", 14, "variable ${vars.empty} is empty"},
		{"error_rate > ${env.X}", 14, "${env.X} cannot be used here"},
		{"error_rate > ${vars.limit", 14, `"${" without its "}"`},
		{"queue > ${vars.inject}", 9, `"1 and queue > 2" has an unknown unit`},
		{"queue > 1 ${vars.word} queue > 2", 11, `unexpected "and"`},
		{"${vars.metric} > 1", 1, "a variable may stand for a number or a quantity, not for a metric"},
		{"error_rate > 1% fro 2m", 17, `unexpected "fro" (did you mean "for"?)`},
		{"error_rate > 1% or queue > 1", 17, `"or" is not part of a condition (write a second trigger)`},
		{"error_rate > 1% and", 20, "a condition is missing"},
		{"error_rate > 1% for", 20, `a duration is missing after "for"`},
		{"error_rate > 1% for 5", 21, `"5" is not a duration`},
		{"error_rate > 1% for 0s", 21, "the duration must be more than zero"},
		{"error_rate > 1% for 30s1m", 21, `"30s1m" is not a duration`},
		{"error_rate > 1% for 999999999y", 21, "is not a duration"},
		{"error_rate > 1% for 2m and queue > 1", 24, `"and" after the hold`},
		{"error_rate > 1% for 2m queue", 24, `unexpected "queue" after the hold`},
		{"error_rate > 1% in 0 of 5 samples", 20, `the number of breaching samples is "0" (expected a whole number from 1 to 1000)`},
		{"error_rate > 1% in 6 of 5 samples", 25, "6 of 5 samples can never be reached"},
		{"error_rate > 1% in 3 of 1001 samples", 25, "the number of samples"},
		{"error_rate > 1% in 3 of 5 sample", 27, `expected "samples" (did you mean "samples"?)`},
		{"error_rate > 1% in 3 of", 24, "the number of samples is missing"},
		{"3 consecutive helth failures", 15, `expected "health" (did you mean "health"?)`},
		{"0 consecutive health failures", 1, "the number of failures"},
		{"1.5 consecutive health failures", 1, "the number of failures"},
		{"health", 7, `expected "failing"`},
		{"error_rate > 1.2x of baseline", 19, `"of baseline" is not implemented in this version`},
		{"error_rate > 120% of baseline", 19, `"of baseline" is not implemented in this version`},
		{"heartbeat missing", 1, `"heartbeat missing" is not implemented in this version`},
		{"queue > 1 and event", 20, `a name is missing after "event" (such as deployment_failed)`},
		{"event for 2m", 7, `a name is missing after "event" (such as deployment_failed)`},
		{"event and queue > 1", 7, `a name is missing after "event" (such as deployment_failed)`},
		{"event 3rd_failure", 7, `"3rd_failure" is not the name of a signal (want a letter, then at most 63 letters, digits, '_', '-' or '.'; not and, for, in or absent)`},
		{"event ${vars.limit}", 7, "a variable may stand for a number or a quantity, not for the name of a signal"},
		{"event deployment_failed deployed", 25, `unexpected "deployed" (expected "and", "for DURATION", "in N of M samples" or the end)`},
		{"alert HighLoad", 1, `"alert NAME" is not implemented in this version`},
		{"größe > 1 and queue > x", 1, `unknown metric "größe"`},
	}
	for _, tt := range tests {
		t.Run(tt.when, func(t *testing.T) {
			_, err := trigger.Parse(tt.when, options())
			var perr *trigger.ParseError
			if !errors.As(err, &perr) {
				t.Fatalf("Parse: %v, want a *ParseError", err)
			}
			if perr.Column != tt.column || !strings.Contains(perr.Message(), tt.message) || perr.When != tt.when {
				t.Errorf("column %d, message %q, when %q; want %d, %q", perr.Column, perr.Message(), perr.When, tt.column, tt.message)
			}
		})
	}
}

func TestCaretStandsUnderTheColumn(t *testing.T) {
	opt := options()
	opt.Units["größe"] = trigger.NoUnit
	_, err := trigger.Parse("größe > 1\nand error_rat > ${vars.limit}", opt)
	want := `unknown metric "error_rat" (did you mean "error_rate"?)
    größe > 1 and error_rat > ${vars.limit}
                  ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestQuantityUnits(t *testing.T) {
	got, err := trigger.QuantityUnits("a > ${vars.x} and b < 500ms and a < 64MiB and c > 3 and d absent and e > 10/min for 2m", map[string]string{"x": "150%"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]trigger.Unit{
		"a": {trigger.Ratio, trigger.Bytes}, "b": {trigger.Seconds}, "c": nil, "e": {trigger.PerSecond},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("QuantityUnits (-want +got):\n%s", diff)
	}
	if _, err := trigger.QuantityUnits("a >", nil); err == nil {
		t.Error("QuantityUnits of half a condition: no error")
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"error_rate", "latency_p99", "for", "in"}
	tests := []struct{ word, want string }{
		{"error_rat", "error_rate"},
		{"eror_rat", "error_rate"},
		{"errro_rate", "error_rate"},
		{"ERROR_RATE", "error_rate"},
		{"error", ""},
		{"fr", "for"},
		{"fxy", ""},
		{"xy", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := trigger.Nearest(tt.word, candidates); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

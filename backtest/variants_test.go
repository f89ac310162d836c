package backtest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/backtest"
)

const when = "services.checkout.triggers.errors.when"

func TestAlternatives(t *testing.T) {
	tests := []struct {
		template string
		want     []string
	}{
		{"k=x > {1%,2%} for 2m", []string{"k=x > 1% for 2m", "k=x > 2% for 2m"}},
		{"k=x > {1%, 2%} for {1m,2m}", []string{"k=x > 1% for 1m", "k=x > 1% for 2m", "k=x > 2% for 1m", "k=x > 2% for 2m"}},
		{`k=sum(rate(x{code=~"5..",a="b"}[{1m,5m}]))`, []string{`k=sum(rate(x{code=~"5..",a="b"}[1m]))`, `k=sum(rate(x{code=~"5..",a="b"}[5m]))`}},
		{"k={${vars.a},2}", nil}, // braces in braces
		{"k={1,2", nil},
		{"k={1}", nil},
		{"k=1", nil},
		{"k={1,,2}", nil},
		{"k={" + strings.Repeat("1,", 100) + "1}", nil},
	}
	for _, tt := range tests {
		got, err := backtest.Alternatives(tt.template)
		if (err != nil) != (tt.want == nil) {
			t.Errorf("%s: error %v", tt.template, err)
		}
		if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.template, diff)
		}
	}
}

func TestVariants(t *testing.T) {
	path := write(t, basic)
	v, err := backtest.Variants(path, []string{`services.cart.tier="1"`, "prometheus.max_gap=60s"},
		[]string{when + "=error_rate > {1%,2%} for {1m,2m}", "guards.max_concurrent={1,3}"})
	if err != nil {
		t.Fatal(err)
	}
	if len(v) != 8 {
		t.Fatalf("%d variants, want 8", len(v))
	}
	want := []string{`services.cart.tier = "1"`, "prometheus.max_gap = 60s", when + " = error_rate > 2% for 1m", "guards.max_concurrent = 3"}
	if diff := cmp.Diff(want, v[5].Set); diff != "" {
		t.Errorf("the sixth (-want +got):\n%s", diff)
	}
	c := v[5].Config
	if got := c.Services["checkout"].Triggers[0].Spec.Expr.Text; got != "error_rate > 2% for 1m" || c.Guards.MaxConcurrent != 3 {
		t.Errorf("when %q, max_concurrent %d", got, c.Guards.MaxConcurrent)
	}
	hashes := map[string]bool{}
	for _, one := range v {
		hashes[one.Config.Hash()] = true
	}
	if len(hashes) != 8 {
		t.Errorf("%d hashes for 8 configurations", len(hashes))
	}
}

func TestMistakesInSettings(t *testing.T) {
	path := write(t, basic)
	tests := []struct {
		set, sweep []string
		want       []string
	}{
		{[]string{"nonsense"}, nil, []string{`--set "nonsense": there is no =`}},
		{[]string{"a..b=1"}, nil, []string{`--set "a..b=1": its key is not one`}},
		{[]string{"services.checkout.trigers.errors.when=x", "guards.nope=1"}, nil, []string{"--set: ", `unknown key "trigers"`, `unknown key "nope"`}},
		{[]string{when + "=error_rat > 1%"}, nil, []string{"--set: " + when + `: unknown metric "error_rat"`, `did you mean "error_rate"?`}},
		{nil, []string{when + "=error_rate > {1%,1h}"}, []string{"--sweep: " + when}},
		{nil, []string{when + "=error_rate > 1%"}, []string{"nothing to choose from"}},
		{nil, []string{"a={1,2,3,4,5,6,7,8,9,10,11}", "b={1,2,3,4,5,6,7,8,9,10}"}, []string{"110 variants and more, at most 100"}},
	}
	for _, tt := range tests {
		_, err := backtest.Variants(path, tt.set, tt.sweep)
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v %v: error %v, want one that says %q", tt.set, tt.sweep, err, part)
			}
		}
	}
}

package evaluator_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestParseResponse(t *testing.T) {
	for _, test := range []struct {
		text string
		want evaluator.Response
		err  string // a part of the error; empty means none
	}{
		{text: "rollback", want: evaluator.Response{Directness: evaluator.Rollback}},
		{text: " approve ", want: evaluator.Response{Directness: evaluator.Approve}},
		{text: "notify", want: evaluator.Response{Directness: evaluator.Notify}},
		{text: "countdown", want: evaluator.Response{Directness: evaluator.Countdown, Wait: 2 * time.Minute}},
		{text: "countdown 5m", want: evaluator.Response{Directness: evaluator.Countdown, Wait: 5 * time.Minute}},
		{text: "countdown five", err: "not a duration"},
		{text: "countdown 0s", err: "not a duration"},
		{text: "approve 5m", err: "takes no duration"},
		{text: "undo", err: `unknown response "undo"`},
		{text: "", err: "unknown response"},
		{text: "none", err: "unknown response"},
	} {
		got, err := evaluator.ParseResponse(test.text, 2*time.Minute)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: error %v, want one with %q", test.text, err, test.err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%q: %v, %v; want %v", test.text, got, err, test.want)
		}
	}
}

func TestAResponseSurvivesTheJournal(t *testing.T) {
	for _, r := range []evaluator.Response{
		{},
		{Directness: evaluator.Notify},
		{Directness: evaluator.Approve},
		{Directness: evaluator.Countdown, Wait: 90 * time.Second},
		{Directness: evaluator.Rollback},
	} {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back evaluator.Response
		if err := json.Unmarshal(data, &back); err != nil || back != r {
			t.Errorf("%v became %v (%s, %v)", r, back, data, err)
		}
	}
}

func TestCapOnlyLowers(t *testing.T) {
	countdown := evaluator.Response{Directness: evaluator.Countdown, Wait: time.Minute}
	if got := countdown.Cap(evaluator.Approve); got != (evaluator.Response{Directness: evaluator.Approve}) {
		t.Errorf("a countdown capped at approve is %v", got)
	}
	if got := countdown.Cap(evaluator.Rollback); got != countdown {
		t.Errorf("a cap above changed it to %v", got)
	}
}

func TestDefaultMatrix(t *testing.T) {
	m := evaluator.DefaultMatrix("1", 2*time.Minute)
	want := map[trigger.Severity]string{
		trigger.Critical: "rollback", trigger.High: "countdown 2m", trigger.Medium: "approve", trigger.Low: "notify",
	}
	for severity, response := range want {
		if got := m.Respond("1", severity).String(); got != response {
			t.Errorf("%s leads to %s, want %s", severity, got, response)
		}
	}
	if got := m.Respond("2", trigger.Critical); got.Directness != evaluator.NoResponse {
		t.Errorf("a tier that is not in the matrix leads to %s", got)
	}
}

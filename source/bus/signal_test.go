package bus_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/trigger"
)

// waiting are rules under which checkout waits for two signals and cart for none.
func waiting() bus.Rules {
	r := rules()
	r.Signals = map[string]map[string]bool{"checkout": {"deployment_failed": true, "flag_failed": true}, "cart": {}}
	return r
}

func TestParseSignal(t *testing.T) {
	tests := []struct {
		name, body, id string
		want           incident.Said
	}{
		{"a name alone", `{"name":"deployment_failed"}`, "", incident.Said{Name: "deployment_failed"}},
		{
			"everything",
			`{"service":"checkout","name":"flag_failed","severity":"critical","time":"2026-01-02T03:02:05Z","id":"ci-7","by":"ci","reason":"smoke\u0007 tests red","x":{}}`, "ci-7",
			incident.Said{Name: "flag_failed", Severity: trigger.Critical, By: "ci", Reason: "smoke tests red"},
		},
		{"nulls are absent", `{"name":"flag_failed","severity":null,"time":null,"id":null}`, "", incident.Said{Name: "flag_failed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, id, ahead, err := bus.ParseSignal(event(tt.body), waiting())
			if err != nil || ahead || id != tt.id {
				t.Fatalf("id %q, ahead %v, error %v", id, ahead, err)
			}
			tt.want.Source, tt.want.At = "nats", arrival()
			if diff := cmp.Diff(incident.Signal{Service: "checkout", Said: tt.want}, got); diff != "" {
				t.Errorf("signal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedSignals(t *testing.T) {
	refused := map[string]string{
		`{}`: "missing_name", `{"name":""}`: "bad_id", `{"name":7}`: "bad_type", `{"name":"not a word"}`: "bad_id", `{"name":"for"}`: "bad_id",
		`{"name":"flag_failed","name":"flag_failed"}`: "duplicate_key", `{"name":"flag_fialed"}`: "unknown_signal",
		`{"name":"flag_failed","severity":"sev1"}`: "unknown_severity", `{"name":"flag_failed","severity":1}`: "bad_type",
		`{"name":"flag_failed","time":"now"}`: "bad_time", `{"name":"flag_failed","time":"2026-01-02T03:02:04Z"}`: "stale",
		`{"name":"flag_failed","time":"2026-01-02T03:10:00Z"}`: "future", `{"name":"flag_failed","service":"cart"}`: "service_mismatch",
		`{"name":"flag_failed","specversion":"1.0"}`: "unsupported_format", `{"name":"flag_failed"`: "malformed",
		`{"name":"flag_failed","reason":"` + strings.Repeat("x", 64<<10) + `"}`: "too_large",
	}
	for body, want := range refused {
		_, _, _, err := bus.ParseSignal(event(body), waiting())
		if got := reason(t, err); got != want {
			t.Errorf("%.80s: refused for %q (%v), want %q", body, got, err, want)
		}
	}
	for service, want := range map[string]string{"nobody": "unknown_service", "": "missing_service", "cart": "unknown_signal"} {
		e := event(`{"name":"flag_failed"}`)
		e.Service = service
		_, _, _, err := bus.ParseSignal(e, waiting())
		if got := reason(t, err); got != want {
			t.Errorf("for %q: refused for %q (%v), want %q", service, got, err, want)
		}
	}
}

func TestASignalFromAClockThatIsAhead(t *testing.T) {
	for lead, want := range map[time.Duration]bool{-2 * time.Minute: false, 30 * time.Second: false, 31 * time.Second: true, 5 * time.Minute: true} {
		body := fmt.Sprintf(`{"name":"flag_failed","time":%q}`, arrival().Add(lead).Format(time.RFC3339))
		s, _, ahead, err := bus.ParseSignal(event(body), waiting())
		if err != nil || ahead != want || !s.At.Equal(arrival()) {
			t.Errorf("%v ahead: at %v, %v, %v, want %v at the time of arrival", lead, s.At, ahead, err, want)
		}
	}
}

// FuzzSignal checks that any bytes are either refused with a reason or make a
// signal that a trigger can wait for, and that nothing passes which is no JSON.
func FuzzSignal(f *testing.F) {
	f.Add(`{"name":"deployment_failed","severity":"high","time":"2026-01-02T03:04:05Z","id":"7","by":"ci","reason":"\u00e9\n"}`)
	f.Add(`{"name":"flag_failed","x":[{"y":-1.5E-3},null]}`)
	f.Add("{\"name\":\"\xff\"}")
	f.Add(`{"name":"flag_failed","severity":"none"}`)
	f.Fuzz(func(t *testing.T, body string) {
		s, id, _, err := bus.ParseSignal(event(body), rules())
		valid := json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
		switch r := reason(t, err); {
		case r == "malformed" && valid:
			t.Errorf("%q is JSON and is called malformed: %v", body, err)
		case r == "" && !valid:
			t.Errorf("%q is no JSON object and passed", body)
		case r == "" && (s.Service != "checkout" || !trigger.IsSignalName(s.Name) || !s.At.Equal(arrival()) || s.Source != "nats" ||
			s.Severity < 0 || s.Severity > trigger.Critical || len(id) > 256 || len(s.By) > 256 || len([]rune(s.Reason)) > 256):
			t.Errorf("%+v is outside its bounds", s)
		}
	})
}

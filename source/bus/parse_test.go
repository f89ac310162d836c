package bus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/source/bus"
	"github.com/rollbackd/rollbackd/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func arrival() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func rules() bus.Rules {
	return bus.Rules{Services: map[string]bool{"checkout": true, "cart": true}, Window: time.Hour}
}

func event(body string) bus.Event {
	return bus.Event{Service: "checkout", Instance: "web1", Data: []byte(body), At: arrival()}
}

// reason is why an event was refused; empty when it was not.
func reason(t *testing.T, err error) string {
	t.Helper()
	var r *bus.RejectedError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &r):
		t.Fatalf("error %v of type %T, want a rejection", err, err)
	}
	return r.Reason
}

func TestParseHealth(t *testing.T) {
	long := strings.Repeat("é", 4000)
	tests := []struct {
		name, body string
		want       trigger.HealthCheck
	}{
		{"status alone", `{"status":"fail"}`, trigger.HealthCheck{Status: trigger.HealthFail}},
		{
			"everything",
			` { "v":1, "service":"checkout","instance":"web1","status":"PASS","time":"2026-01-02T04:04:00.25+01:00","seq":18446744073709551615,"boot":"b1","version":"v2","ttl":"45s","output":"fine","checks":{}}` + "\n",
			trigger.HealthCheck{Status: trigger.HealthPass, Seq: 1<<64 - 1, Boot: "b1", Version: "v2", TTL: 45 * time.Second, Output: "fine"},
		},
		{"unknown keys of any kind", `{"a":[1,-2.5e3,true,false,null,{"b":[]}],"status":"warn","Status":"nope","status2":{}}`, trigger.HealthCheck{Status: trigger.HealthWarn}},
		{"nulls are absent", `{"status":"ok","seq":null,"boot":null,"ttl":null,"checks":null,"service":null,"instance":null,"time":null}`, trigger.HealthCheck{Status: trigger.HealthPass}},
		{"a word for unknown", `{"status":"maintenance"}`, trigger.HealthCheck{}},
		{"the first part that fails", `{"status":"fail","checks":{"a":{"status":"pass","output":"x"},"db":{"value":1.7,"status":"down","output":"timeout"},"z":{"status":"fail"}}}`, trigger.HealthCheck{Status: trigger.HealthFail, Output: "db: timeout"}},
		{"a part without words", `{"status":"fail","checks":{"db":{"status":"fail"},"list":[{"status":"pass"}]}}`, trigger.HealthCheck{Status: trigger.HealthFail, Output: "db"}},
		{"long text is cut at a character", `{"status":"fail","output":"x` + long + `"}`, trigger.HealthCheck{Status: trigger.HealthFail, Output: "x" + long[:4094]}},
		{"escapes", `{"status":"fail","boot":"\u0061\u00e9\ud83d\ude00\"\\\/","output":"a\n\t\b\f\r\ud800x\ud800\u0041"}`, trigger.HealthCheck{Status: trigger.HealthFail, Boot: `aé😀"\/`, Output: "a\n\t\b\f\r\ufffdx\ufffdA"}},
		{"an escaped key", `{"st\u0061tus":"fail"}`, trigger.HealthCheck{Status: trigger.HealthFail}},
		{"an hour old", `{"status":"fail","time":"2026-01-02T02:04:05Z"}`, trigger.HealthCheck{Status: trigger.HealthFail}},
		{"a hundred parts", `{"status":"fail","checks":{` + parts(100) + `}}`, trigger.HealthCheck{Status: trigger.HealthFail}},
		{"16 deep", `{"status":"fail","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, trigger.HealthCheck{Status: trigger.HealthFail}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ahead, err := bus.ParseHealth(event(tt.body), rules())
			if err != nil || ahead {
				t.Fatalf("ahead %v, error %v", ahead, err)
			}
			tt.want.Instance, tt.want.At = "web1", arrival()
			if diff := cmp.Diff(incident.Health{Service: "checkout", Check: tt.want}, got); diff != "" {
				t.Errorf("health (-want +got):\n%s", diff)
			}
		})
	}
}

func parts(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"c%d":{"status":"pass"}`, i))
	}
	return strings.Join(all, ",")
}

func TestRefusedHealth(t *testing.T) {
	status := `"status":"fail"`
	tests := []struct{ name, body, want string }{
		{"nothing", ``, "malformed"},
		{"not an object", `"fail"`, "malformed"},
		{"a list", `[]`, "malformed"},
		{"cut off", `{"status":"fail"`, "malformed"},
		{"cut off in a string", `{"status":"fai`, "malformed"},
		{"two objects", `{"status":"fail"}{}`, "malformed"},
		{"a zero byte after it", "{\"status\":\"fail\"}\x00", "malformed"},
		{"a comma too many", `{"status":"fail",}`, "malformed"},
		{"no comma", `{"status":"fail" "a":1}`, "malformed"},
		{"no colon", `{"status" "fail"}`, "malformed"},
		{"single quotes", `{'status':'fail'}`, "malformed"},
		{"NaN", `{"status":"fail","seq":NaN}`, "malformed"},
		{"a leading zero", `{"status":"fail","x":01}`, "malformed"},
		{"a control character", "{\"status\":\"fa\nil\"}", "malformed"},
		{"a bad escape", `{"status":"\x66ail"}`, "malformed"},
		{"a broken pair", `{"status":"\ud83d\uzzzz"}`, "malformed"},
		{"bytes that are no text", "{\"status\":\"fail\",\"boot\":\"\xff\xfe\"}", "bad_utf8"},
		{"utf-16", "\xff\xfe{\x00}\x00", "bad_utf8"},
		{"too large", `{"status":"fail","x":"` + strings.Repeat("a", 64<<10) + `"}`, "too_large"},
		{"too deep", `{"status":"fail","x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "too_deep"},
		{"far too deep", strings.Repeat(`{"a":`, 10000), "too_deep"},
		{"status twice", `{"status":"pass","status":"fail"}`, "duplicate_key"},
		{"no status", `{"time":"2026-01-02T03:04:05Z"}`, "missing_status"},
		{"null status", `{"status":null}`, "missing_status"},
		{"a word nobody knows", `{"status":"bad"}`, "unknown_status"},
		{"an empty word", `{"status":""}`, "unknown_status"},
		{"status is a number", `{"status":1}`, "bad_type"},
		{"status of a part", `{"status":"fail","checks":{"a":{"status":"so so"}}}`, "unknown_status"},
		{"another service", `{` + status + `,"service":"cart"}`, "service_mismatch"},
		{"another instance", `{` + status + `,"instance":"web2"}`, "instance_mismatch"},
		{"time in words", `{` + status + `,"time":"yesterday"}`, "bad_time"},
		{"time without a zone", `{` + status + `,"time":"2026-01-02T03:04:05"}`, "bad_time"},
		{"time as a number", `{` + status + `,"time":1767323045}`, "bad_type"},
		{"far ahead", `{` + status + `,"time":"2026-01-02T03:09:06Z"}`, "future"},
		{"long ago", `{` + status + `,"time":"2026-01-02T02:04:04Z"}`, "too_old"},
		{"negative seq", `{` + status + `,"seq":-1}`, "bad_number"},
		{"half a seq", `{` + status + `,"seq":1.5}`, "bad_number"},
		{"seq too large", `{` + status + `,"seq":18446744073709551616}`, "bad_number"},
		{"seq as text", `{` + status + `,"seq":"7"}`, "bad_type"},
		{"infinite", `{` + status + `,"x":1e999}`, "bad_number"},
		{"infinite and deep", `{` + status + `,"x":[{"y":-1E+999}]}`, "bad_number"},
		{"infinite by length", `{` + status + `,"x":` + strings.Repeat("9", 400) + `}`, "bad_number"},
		{"boot not printable", `{` + status + `,"boot":"a\u0007"}`, "bad_id"},
		{"boot too long", `{` + status + `,"boot":"` + strings.Repeat("b", 257) + `"}`, "bad_id"},
		{"version with a new line", `{` + status + `,"version":"v1\nv2"}`, "bad_id"},
		{"ttl too short", `{` + status + `,"ttl":"999ms"}`, "bad_ttl"},
		{"ttl too long", `{` + status + `,"ttl":"24h1s"}`, "bad_ttl"},
		{"ttl is no duration", `{` + status + `,"ttl":"soon"}`, "bad_ttl"},
		{"ttl as a number", `{` + status + `,"ttl":45}`, "bad_type"},
		{"checks as a list", `{` + status + `,"checks":[1]}`, "bad_type"},
		{"too many checks", `{` + status + `,"checks":{` + parts(101) + `}}`, "too_many_checks"},
		{"a CloudEvent", `{"specversion":"1.0","type":"x","data":{}}`, "unsupported_format"},
		{"health+json", `{"status":"pass","serviceId":"checkout"}`, "unsupported_format"},
		{"health+json by release", `{"status":"pass","releaseId":"v2"}`, "unsupported_format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := bus.ParseHealth(event(tt.body), rules())
			if got := reason(t, err); got != tt.want {
				t.Errorf("refused for %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestWhoAnEventIsAbout(t *testing.T) {
	body := func(fields string) string { return `{"status":"fail","version":"v2"` + fields + `}` }
	tests := []struct {
		name, service, instance, contentType, body, want string
	}{
		{"from the subject", "checkout", "web1", "", body(""), ""},
		{"from the body", "", "", "", body(`,"service":"cart","instance":"web9"`), ""},
		{"both agree", "checkout", "web1", "", body(`,"service":"checkout","instance":"web1"`), ""},
		{"json by name", "checkout", "web1", "Application/JSON; charset=utf-8", body(""), ""},
		{"health+json by name", "checkout", "web1", "application/health+json", body(""), "unsupported_format"},
		{"cloudevents by name", "checkout", "web1", "application/cloudevents+json", body(""), "unsupported_format"},
		{"nobody", "", "web1", "", body(""), "missing_service"},
		{"unknown in the subject", "nope", "web1", "", body(""), "unknown_service"},
		{"unknown in the body", "", "web1", "", body(`,"service":"nope"`), "unknown_service"},
		{"no instance", "checkout", "", "", body(""), "missing_instance"},
		{"an instance that cannot be shown", "checkout", "a\x01", "", body(""), "bad_id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := bus.Event{Service: tt.service, Instance: tt.instance, ContentType: tt.contentType, Data: []byte(tt.body), At: arrival()}
			_, _, err := bus.ParseHealth(e, rules())
			if got := reason(t, err); got != tt.want {
				t.Errorf("health: refused for %q (%v), want %q", got, err, tt.want)
			}
			if strings.Contains(tt.name, "instance") {
				return
			}
			_, _, err = bus.ParseDeploy(e, rules())
			if got := reason(t, err); got != tt.want {
				t.Errorf("deployment: refused for %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestAClockThatIsAhead(t *testing.T) {
	for lead, want := range map[time.Duration]bool{30 * time.Second: false, 31 * time.Second: true, 5 * time.Minute: true} {
		body := fmt.Sprintf(`{"status":"fail","version":"v2","time":%q,"started_at":%[1]q}`, arrival().Add(lead).Format(time.RFC3339))
		h, ahead, err := bus.ParseHealth(event(body), rules())
		if err != nil || ahead != want || !h.Check.At.Equal(arrival()) {
			t.Errorf("health %v ahead: at %v, %v, %v, want %v at the time of arrival", lead, h.Check.At, ahead, err, want)
		}
		d, ahead, err := bus.ParseDeploy(event(body), rules())
		if err != nil || ahead != want || want && !d.StartedAt.Equal(arrival()) {
			t.Errorf("deployment %v ahead: %+v, %v, %v, want %v", lead, d, ahead, err, want)
		}
	}
}

func TestParseDeploy(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		name, body string
		want       incident.Deployed
	}{
		{"version alone", `{"version":"v2"}`, incident.Deployed{Version: "v2", At: arrival()}},
		{
			"everything",
			`{"service":"checkout","version":"v2","previous":"v1","started_at":"2026-01-02T03:00:00Z","at":"2026-01-02T03:02:00+00:00","by":"alice","url":"https://ci/7","change":"abc","no_auto_rollback":true,"rolling":true}`,
			incident.Deployed{
				Version: "v2", Previous: "v1", StartedAt: at("2026-01-02T03:00:00Z"), At: at("2026-01-02T03:02:00Z"),
				By: "alice", URL: "https://ci/7", Change: "abc", NoAutoRollback: true, Rolling: true,
			},
		},
		{
			"what runs need not fit into a step, and notes are kept brief", `{"version":"2:1.0~rc1","url":"` + strings.Repeat("é", 300) + `","change":"a\u0007b"}`,
			incident.Deployed{Version: "2:1.0~rc1", At: arrival(), URL: strings.Repeat("é", 256), Change: "ab"},
		},
		{"rolled out", `{"version":"v2","rolling":false}`, incident.Deployed{Version: "v2", At: arrival()}},
		{"long ago", `{"version":"v2","started_at":"2020-01-02T03:00:00Z"}`, incident.Deployed{Version: "v2", At: arrival(), StartedAt: at("2020-01-02T03:00:00Z")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ahead, err := bus.ParseDeploy(event(tt.body), rules())
			if err != nil || ahead {
				t.Fatalf("ahead %v, error %v", ahead, err)
			}
			tt.want.Service, tt.want.Source = "checkout", "nats"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("deployment (-want +got):\n%s", diff)
			}
		})
	}
	refused := map[string]string{
		`{}`: "missing_version", `{"version":""}`: "missing_version", `{"version":7}`: "bad_type",
		`{"version":"v2","version":"v3"}`: "duplicate_key", `{"version":"v2","no_auto_rollback":"yes"}`: "bad_type",
		`{"version":"v2","rolling":"yes"}`: "bad_type", `{"version":"v2","rolling":1}`: "bad_type", `{"version":"v2","rolling":true,"rolling":false}`: "duplicate_key",
		`{"version":"v2","at":"now"}`: "bad_time", `{"version":"v2","at":"2026-01-02T03:10:00Z"}`: "future",
		`{"version":"v2","started_at":"2026-01-02T03:10:00Z"}`: "future", `{"version":"v\u0000"}`: "bad_id",
		`{"version":"-rf"}`: "bad_id", `{"version":"v 2"}`: "bad_id", `{"version":"v2","previous":"v²"}`: "bad_id", `{"version":"v` + strings.Repeat("2", 128) + `"}`: "bad_id",
		`{"context":{"specversion":"0.5.1"},"subject":{}}`: "missing_version", `{"specversion":"1.0"}`: "unsupported_format",
	}
	for body, want := range refused {
		_, _, err := bus.ParseDeploy(event(body), rules())
		if got := reason(t, err); got != want {
			t.Errorf("%s: refused for %q (%v), want %q", body, got, err, want)
		}
	}
}

// FuzzHealth checks that any bytes are either refused with a reason or make a
// check within its bounds, and that nothing passes which encoding/json would not
// read.
func FuzzHealth(f *testing.F) {
	f.Add("", `{"status":"fail","seq":1,"boot":"b","ttl":"45s","time":"2026-01-02T03:04:05Z","checks":{"db":{"status":"fail","output":"x"}}}`)
	f.Add("application/json", `{"service":"checkout","instance":"web1","status":"ok","x":[1e5,-0.5,"\ud83d\ude00",null]}`)
	f.Add("", `{"status":"fail","x":1e999}`)
	f.Add("", "{\"status\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		e := event(body)
		e.ContentType = contentType
		h, _, err := bus.ParseHealth(e, rules())
		if err != nil {
			if reason(t, err) == "" {
				t.Error("refused without a reason")
			}
			return
		}
		if !json.Valid([]byte(body)) {
			t.Errorf("%q is no JSON and passed", body)
		}
		c := h.Check
		if h.Service != "checkout" || c.Instance != "web1" || !c.At.Equal(arrival()) || len(c.Boot) > 256 || len(c.Version) > 256 || len(c.Output) > 4096 ||
			c.TTL != 0 && (c.TTL < time.Second || c.TTL > 24*time.Hour) {
			t.Errorf("%+v is outside its bounds", h)
		}
	})
}

// FuzzDeploy is FuzzHealth for deployments. What is valid JSON and is called
// malformed would be a fault of the scanner.
func FuzzDeploy(f *testing.F) {
	f.Add(`{"version":"v2","previous":"v1","at":"2026-01-02T03:04:05Z","no_auto_rollback":false,"rolling":true}`)
	f.Add(`{"version":"v2","x":{"y":[{"z":-1.5E-3}]},"url":"\u00e9\n"}`)
	f.Fuzz(func(t *testing.T, body string) {
		d, _, err := bus.ParseDeploy(event(body), rules())
		valid := json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
		switch r := reason(t, err); {
		case r == "malformed" && valid:
			t.Errorf("%q is JSON and is called malformed: %v", body, err)
		case r == "" && !valid:
			t.Errorf("%q is no JSON object and passed", body)
		case r == "" && (d.Service != "checkout" || d.Version == "" || d.At.IsZero() || d.At.After(arrival().Add(30*time.Second))):
			t.Errorf("%+v is outside its bounds", d)
		}
	})
}

func BenchmarkParseHealth(b *testing.B) {
	e := event(`{"service":"checkout","instance":"web1","status":"fail","time":"2026-01-02T03:04:05.123Z","seq":4711,"boot":"b1f3","version":"2.4.1","ttl":"45s","checks":{"db":{"status":"fail","value":1.7,"unit":"s","output":"timeout"}}}`)
	r := rules()
	b.ReportAllocs()
	b.SetBytes(int64(len(e.Data)))
	for b.Loop() {
		if _, _, err := bus.ParseHealth(e, r); err != nil {
			b.Fatal(err)
		}
	}
}

package action_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, do string
		want     action.Step
	}{
		{"exec", `{"kind":"exec","argv":["systemctl","restart","${service}.service"]}`, action.Step{
			Kind: action.KindExec, Argv: []string{"systemctl", "restart", "${service}.service"},
		}},
		{"http", `{"kind":"http","method":"POST","url":"https://${vars.lb}:${vars.port}/off","headers":{"X-By":"rollbackd"},
			"header_files":{"Authorization":"/etc/token"},"body":"{}","expect":[200,409]}`, action.Step{
			Kind: action.KindHTTP, Method: "POST", URL: "https://${vars.lb}:${vars.port}/off", Body: "{}", Expect: []int{200, 409},
			Headers: map[string]string{"X-By": "rollbackd"}, HeaderFiles: map[string]string{"Authorization": "/etc/token"},
		}},
		{"symlink", `{"kind":"symlink","link":"/srv/current","to":"releases/${target_version}"}`, action.Step{
			Kind: action.KindSymlink, Link: "/srv/current", To: "releases/${target_version}",
		}},
		{"query", `{"kind":"query","expr":"up{service=\"${service}\"} == 1","hold":"2m0s"}`, action.Step{
			Kind: action.KindQuery, Expr: `up{service="${service}"} == 1`, Hold: 2 * time.Minute,
		}},
		{"query without a hold", `{"kind":"query","expr":"up"}`, action.Step{Kind: action.KindQuery, Expr: "up"}},
		{"approval", `{"kind":"approval","text":"is ${this} right?","needs":{"any":0,"ops-lead":2}}`, action.Step{
			Kind: action.KindApproval, Text: "is ${this} right?", Needs: map[string]int{"any": 0, "ops-lead": 2},
		}},
		{"approval of anybody", `{"kind":"approval"}`, action.Step{Kind: action.KindApproval}},
		{"wait", `{"kind":"wait","for":"90s"}`, action.Step{Kind: action.KindWait, For: 90 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := action.Decode(json.RawMessage(tt.do))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := action.Decode(mustJSON(t, got))
			if err != nil {
				t.Fatalf("decoding what was encoded: %v", err)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("encoded and decoded (-before +after):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct{ name, do, want string }{
		{"nothing", ``, "want a JSON object"},
		{"null", `null`, "kind is missing"},
		{"an array", `[]`, "want a JSON object"},
		{"no kind", `{"argv":["true"]}`, "kind is missing"},
		{"a kind of the future", `{"kind":"argo"}`, `kind "argo" is not implemented`},
		{"a key of the future", `{"kind":"exec","argv":["true"],"as":"deploy"}`, `unknown key "as"`},
		{"a key of another kind", `{"kind":"wait","for":"1s","argv":["true"]}`, `unknown key "argv"`},
		{"a key in capitals", `{"kind":"exec","ARGV":["true"]}`, `unknown key "ARGV"`},
		{"a missing key", `{"kind":"symlink","link":"/a"}`, "to is missing"},
		{"a shell line", `{"kind":"exec","argv":"rm -rf /"}`, "exec step"},
		{"an empty argv", `{"kind":"exec","argv":[]}`, "argv: is empty"},
		{"an empty program", `{"kind":"exec","argv":[""]}`, "argv: is empty"},
		{"a relative program", `{"kind":"exec","argv":["./undo"]}`, "relative path"},
		{"a NUL", `{"kind":"exec","argv":["true","a\u0000b"]}`, "argv[1]: holds a NUL"},
		{"another scheme", `{"kind":"http","url":"file:///etc/passwd"}`, "url: want http"},
		{"no host", `{"kind":"http","url":"http:///x"}`, "url: want http"},
		{"a password", `{"kind":"http","url":"http://me:pw@lb/x"}`, "header_files"},
		{"a method", `{"kind":"http","url":"http://lb","method":"post"}`, `method: "post"`},
		{"a status", `{"kind":"http","url":"http://lb","expect":[20]}`, "expect: 20"},
		{"a header's name", `{"kind":"http","url":"http://lb","headers":{"a b":"c"}}`, "not the name of a header"},
		{"a header of ours", `{"kind":"http","url":"http://lb","headers":{"idempotency-key":"c"}}`, "sets idempotency-key itself"},
		{"a header's line break", `{"kind":"http","url":"http://lb","headers":{"A":"b\r\nC: d"}}`, "headers.A: holds a control"},
		{"a relative header file", `{"kind":"http","url":"http://lb","header_files":{"A":"token"}}`, "not an absolute path"},
		{"a relative link", `{"kind":"symlink","link":"current","to":"x"}`, "link:"},
		{"no target", `{"kind":"symlink","link":"/a","to":""}`, "to: is empty"},
		{"no duration", `{"kind":"wait","for":"soon"}`, "not a duration"},
		{"no expression", `{"kind":"query","expr":" "}`, "expr: is empty"},
		{"an expression with a NUL", `{"kind":"query","expr":"a\u0000"}`, "expr: holds a NUL"},
		{"no hold", `{"kind":"query","expr":"up","hold":"long"}`, "hold: \"long\" is not a duration"},
		{"a negative hold", `{"kind":"query","expr":"up","hold":"-1s"}`, "hold: \"-1s\" is not a duration"},
		{"a query's key of another kind", `{"kind":"query","expr":"up","for":"1s"}`, `unknown key "for"; it has expr, hold`},
		{"an approval by less than nobody", `{"kind":"approval","needs":{"any":-1}}`, `needs: "any" = -1`},
		{"an approval by nobody", `{"kind":"approval","needs":{"any":0}}`, "nobody would have to say yes"},
		{"an approval by no role", `{"kind":"approval","needs":{"":1}}`, `needs: "" = 1`},
		{"a question with a NUL", `{"kind":"approval","text":"a\u0000"}`, "text: holds a NUL"},
		{"a negative duration", `{"kind":"wait","for":"-1s"}`, "not a duration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := action.Decode(json.RawMessage(tt.do))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want it to hold %q", err, tt.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	step, err := action.Decode(json.RawMessage(
		`{"kind":"http","url":"http://lb/${service}/${target_version}","headers":{"X":"${vars.x}"},"body":"${service}"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"service", "target_version", "vars.x"}, step.Variables()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"exec","argv":["a","${b}"]}`, `{"kind":"wait","for":"1s"}`, `{"kind":"symlink","link":"/a","to":"b"}`,
		`{"kind":"http","url":"http://${service}:1/","headers":{"A":"b"},"expect":[200]}`, `{"kind":null}`, `{"kind":"query","expr":"${a}","hold":"1m"}`, `{"kind":"approval","text":"b","needs":{"any":1}}`, `{"kind":"exec","argv":["${"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, do []byte) {
		step, err := action.Decode(do)
		if err != nil {
			return
		}
		again, err := action.Decode(mustJSON(t, step))
		if err != nil {
			t.Fatalf("%s decodes, but not what it is encoded to: %v", do, err)
		}
		if diff := cmp.Diff(mustJSON(t, step), mustJSON(t, again)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
}

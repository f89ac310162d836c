package action_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/action"
)

func execStep(argv ...string) action.Step { return action.Step{Kind: action.KindExec, Argv: argv} }

func TestExpand(t *testing.T) {
	values := map[string]string{
		"service": "checkout", "target_version": "v1.2.3-rc.1+build", "vars.lb": "lb.example.com", "vars.port": "8443",
		"opened_at": "2026-03-01T03:04:05Z", "each": "web-1.example.com", "versions.cart.target": "v7", "versions.cart.running": "v8",
	}
	for _, tt := range []struct {
		name     string
		in, want action.Step
	}{
		{"argv", execStep("undo", "--to=${target_version}", "${service}@${opened_at}"), execStep("undo", "--to=v1.2.3-rc.1+build", "checkout@2026-03-01T03:04:05Z")},
		{"text without a variable", execStep("sh", "-c", "$(date); $HOME {x} .. -v"), execStep("sh", "-c", "$(date); $HOME {x} .. -v")},
		{
			"http",
			action.Step{Kind: action.KindHTTP, URL: "https://${vars.lb}:${vars.port}/v/${target_version}?s=${service}", Body: `{"to":"${target_version}"}`, Headers: map[string]string{"X-S": "${service}"}, HeaderFiles: map[string]string{"A": "/run/${service}"}},
			action.Step{Kind: action.KindHTTP, URL: "https://lb.example.com:8443/v/v1.2.3-rc.1+build?s=checkout", Body: `{"to":"v1.2.3-rc.1+build"}`, Headers: map[string]string{"X-S": "checkout"}, HeaderFiles: map[string]string{"A": "/run/checkout"}},
		},
		{
			"units and members", execStep("undo", "${each}", "cart=${versions.cart.running}:${versions.cart.target}"),
			execStep("undo", "web-1.example.com", "cart=v8:v7"),
		},
		{
			"query",
			action.Step{Kind: action.KindQuery, Expr: `up{instance="${each}"} == 1`, Hold: time.Minute},
			action.Step{Kind: action.KindQuery, Expr: `up{instance="web-1.example.com"} == 1`, Hold: time.Minute},
		},
		{
			"a question to people",
			action.Step{Kind: action.KindApproval, Text: "${nobody} knows"},
			action.Step{Kind: action.KindApproval, Text: "${nobody} knows"},
		},
		{
			"symlink",
			action.Step{Kind: action.KindSymlink, Link: "/srv/${service}/current", To: "../${target_version}"},
			action.Step{Kind: action.KindSymlink, Link: "/srv/checkout/current", To: "../v1.2.3-rc.1+build"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := string(mustJSON(t, tt.in))
			got, err := action.Expand(tt.in, values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if after := string(mustJSON(t, tt.in)); after != before {
				t.Errorf("the step itself was changed: %s", after)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	onHost := func(u string) action.Step { return action.Step{Kind: action.KindHTTP, URL: u} }
	for _, tt := range []struct {
		name   string
		step   action.Step
		values map[string]string
		want   string
	}{
		{"unset", execStep("a", "${target_version}"), nil, "argv[1]: ${target_version}: is not set"},
		{"empty", execStep("a", "${each}"), map[string]string{"each": ""}, "argv[1]: ${each}: is not set"},
		{"unknown", execStep("a", "${home}"), map[string]string{"home": "x"}, "${home}: is not a variable"},
		{"a secret", execStep("a", "${gate_token}"), map[string]string{"gate_token": "abc"}, "is not a variable"},
		{"a variable without a name", execStep("a", "${vars.}"), map[string]string{"vars.": "x"}, "is not a variable"},
		{"a member that is not known", execStep("a", "${versions.cart.target}"), map[string]string{"versions.cart.running": "v1"}, "argv[1]: ${versions.cart.target}: is not set"},
		{"a member without a name", execStep("a", "${versions..target}"), map[string]string{"versions..target": "v1"}, "is not a variable"},
		{"a member's something else", execStep("a", "${versions.cart.previous}"), map[string]string{"versions.cart.previous": "v1"}, "is not a variable"},
		{"a label that is left", action.Step{Kind: action.KindQuery, Expr: `up{a="${each}"}`}, map[string]string{"each": `"} or vector(1)`}, "expr: ${each}: the value"},
		{"unclosed", execStep("a", "${each"), map[string]string{"each": "x"}, "no closing }"},
		{"two halves of a dot dot", execStep("a", "/x/${each}./y"), map[string]string{"each": "x/."}, `makes a ".."`},
		{"a host by @", onHost("http://lb${vars.x}.internal/"), map[string]string{"vars.x": "1@evil.example/"}, "change the host"},
		{"a host by /", onHost("http://${vars.x}.internal/"), map[string]string{"vars.x": "evil.example/"}, "change the host"},
		{"a port that is none", onHost("http://lb:${vars.x}/"), map[string]string{"vars.x": "80a"}, "url:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := action.Expand(tt.step, tt.values)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want it to hold %q", err, tt.want)
			}
		})
	}
}

func TestExpandReportsAllProblems(t *testing.T) {
	_, err := action.Expand(execStep("a", "${each}", "${nope}", "${service}"), map[string]string{"service": ";"})
	for _, want := range []string{"argv[1]: ${each}", "argv[2]: ${nope}", "argv[3]: ${service}"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want it to hold %q", err, want)
		}
	}
}

// An expanded step differs from its template by well-formed values only, and
// never grows a path that leads up or a request to another host.
func FuzzExpand(f *testing.F) {
	for _, value := range injections() {
		f.Add("--to=${target_version}", "/p/${target_version}", value)
	}
	f.Add("${target_version}${target_version}", "${target_version}.x/", "v1.")
	f.Add("${", "}", "v1")
	f.Fuzz(func(t *testing.T, arg, rest, value string) {
		values := map[string]string{"target_version": value}
		out, err := action.Expand(execStep("tool", arg), values)
		if err == nil && out.Argv[1] != arg {
			if e := action.CheckValue(value); e != nil {
				t.Fatalf("%q was put in: %v", value, e)
			}
			if want := strings.ReplaceAll(arg, "${target_version}", value); out.Argv[1] != want {
				t.Fatalf("%q became %q; want %q", arg, out.Argv[1], want)
			}
			if strings.Count(out.Argv[1], "..") > strings.Count(arg, "..") {
				t.Fatalf("%q became %q", arg, out.Argv[1])
			}
		}
		out, err = action.Expand(action.Step{Kind: action.KindHTTP, URL: "http://lb.internal/" + rest}, values)
		if err == nil {
			if u, err := url.Parse(out.URL); err != nil || u.Host != "lb.internal" {
				t.Fatalf("%q leads to %q (%v)", out.URL, u, err)
			}
		}
	})
}

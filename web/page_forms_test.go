package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/google/go-cmp/cmp"

	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/web"
)

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// tokenOn is the token in a page's forms; empty where it has none.
func tokenOn(t *testing.T, h http.Handler, by web.Peer, page string) string {
	t.Helper()
	found := tokenField.FindStringSubmatch(send(t, h, request(t, by, "GET", page, "")).body)
	if found == nil {
		return ""
	}
	return found[1]
}

// form is a POST as a browser sends a form of our own page.
func form(t *testing.T, by web.Peer, path string, fields ...string) *http.Request {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r := request(t, by, "POST", path, values.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://localhost:9797")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func alice() web.Peer { return web.Peer{Name: "alice"} }

func TestFormsDoWhatTheAPIDoes(t *testing.T) {
	tests := []struct {
		path   string
		fields []string
		want   incident.Command
		back   string
	}{
		{"/incidents/inc-3/approve", []string{"plan", "abc", "for", "1h"}, incident.Command{Verb: "approve", Incident: "inc-3", PlanHash: "abc"}, "/incidents/inc-3"},
		{"/incidents/inc-3/veto", nil, incident.Command{Verb: "veto", Incident: "inc-3"}, "/incidents/inc-3"},
		{"/incidents/inc-3/abort", []string{"plan", "abc"}, incident.Command{Verb: "abort", Incident: "inc-3"}, "/incidents/inc-3"},
		{"/incidents/inc-3/ack", nil, incident.Command{Verb: "ack", Incident: "inc-3"}, "/incidents/inc-3"},
		{"/incidents/inc-3/close", nil, incident.Command{Verb: "close", Incident: "inc-3"}, "/incidents/inc-3"},
		{"/services/checkout/pause", []string{"for", "4h"}, incident.Command{Verb: "pause", Service: "checkout", For: 4 * time.Hour}, "/services/checkout"},
		{"/services/checkout/lock", []string{"for", ""}, incident.Command{Verb: "lock", Service: "checkout"}, "/services/checkout"},
		{"/services/checkout/resume", []string{"for", "4h"}, incident.Command{Verb: "resume", Service: "checkout"}, "/services/checkout"},
		{"/services/checkout/unlock", nil, incident.Command{Verb: "unlock", Service: "checkout"}, "/services/checkout"},
		{"/services/_all/lock", nil, incident.Command{Verb: "lock", All: true}, "/"},
	}
	for _, tt := range tests {
		w := newWorld()
		h := w.server().Socket()
		token := tokenOn(t, h, alice(), "/incidents/inc-3")
		got := send(t, h, form(t, alice(), tt.path, append(tt.fields, "reason", " I say so ", "token", token)...))
		back, query, _ := strings.Cut(got.header.Get("Location"), "?")
		if got.status != 303 || back != tt.back {
			t.Fatalf("%s: got %d to %q\n%s", tt.path, got.status, got.header.Get("Location"), got.body)
		}
		tt.want.Reason, tt.want.Actor = "I say so", "alice"
		if diff := cmp.Diff([]incident.Command{tt.want}, w.commands); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
		shown := look(t, h, back+"?"+query)
		if !strings.Contains(shown.body, "<strong>Done.</strong>") {
			t.Errorf("%s: the page does not show the answer\n%s", tt.path, shown.body)
		}
		if strings.Contains(look(t, h, back).body, "<strong>Done.</strong>") {
			t.Errorf("%s: the page shows an answer that it was not asked for", tt.path)
		}
	}
}

func TestARefusalIsShownWithItsReason(t *testing.T) {
	w := newWorld()
	w.reply = incident.Reply{Err: "locked by dave until 05:00: <b>load test</b>", Code: "refused", Guard: incident.GuardLocked}
	h := w.server().Socket()
	token := tokenOn(t, h, alice(), "/incidents/inc-3")
	got := send(t, h, form(t, alice(), "/incidents/inc-3/approve", "reason", "x", "token", token))
	if got.status != 303 {
		t.Fatalf("got %d\n%s", got.status, got.body)
	}
	shown := look(t, h, got.header.Get("Location"))
	for _, want := range []string{"Not done.", "Locked by dave until 05:00: &lt;b&gt;load test&lt;/b&gt;."} {
		if !strings.Contains(shown.body, want) {
			t.Errorf("the page does not say %q\n%s", want, shown.body)
		}
	}
}

func TestAFormNeedsAReason(t *testing.T) {
	w := newWorld()
	h := w.server().Socket()
	token := tokenOn(t, h, alice(), "/incidents/inc-3")
	got := send(t, h, form(t, alice(), "/incidents/inc-3/veto", "reason", "  ", "token", token))
	if shown := look(t, h, got.header.Get("Location")); w.done() > 0 || !strings.Contains(shown.body, "Reason: say why") {
		t.Errorf("got %d and %d commands\n%s", got.status, w.done(), shown.body)
	}
}

// TestAFormThatIsNotOurs: another site's, without its token, with another's, or no
// form at all.
func TestAFormThatIsNotOurs(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *http.Request)
		want   int
	}{
		{"our own", func(*http.Request) {}, 303},
		{"a browser that does not say where it is from", func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }, 303},
		{"another site's", func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example.net")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}, 403},
		{"another site's, an old browser", func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example.net")
			r.Header.Del("Sec-Fetch-Site")
		}, 403},
		{"a name pointed at us", func(r *http.Request) { r.Host = "evil.example.net"; r.Header.Set("Origin", "http://evil.example.net") }, 403},
		{"JSON", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 415},
		{"no name for its content", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"a form with files", func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, 415},
		{"a GET", func(r *http.Request) { r.Method = "GET" }, 405},
	}
	for _, tt := range tests {
		w := newWorld()
		h := w.server().Socket()
		r := form(t, alice(), "/incidents/inc-3/approve", "reason", "x", "token", tokenOn(t, h, alice(), "/incidents/inc-3"))
		tt.change(r)
		got := send(t, h, r)
		if got.status != tt.want || w.done() != btoi(tt.want == 303) {
			t.Errorf("%s: got %d and %d commands, want %d\n%s", tt.name, got.status, w.done(), tt.want, got.body)
		}
		checkPageHeaders(t, got)
	}
}

func TestAFormNeedsItsToken(t *testing.T) {
	w := newWorld()
	h, other := w.server().Socket(), newWorld().server().Socket()
	mallory := web.Peer{Name: "mallory"}
	for name, token := range map[string]string{
		"none": "", "made up": strings.Repeat("0", 64), "somebody else's": tokenOn(t, h, mallory, "/incidents/inc-3"),
		"from before a restart": tokenOn(t, other, alice(), "/incidents/inc-3"),
	} {
		got := send(t, h, form(t, alice(), "/incidents/inc-3/approve", "reason", "x", "token", token))
		if got.status != 403 || w.done() > 0 || !strings.Contains(got.body, "load the page anew") {
			t.Errorf("%s: got %d and %d commands\n%s", name, got.status, w.done(), got.body)
		}
	}
}

// TestFormsAskForTheSameRightsAsTheAPI sends each form as each role, and compares.
func TestFormsAskForTheSameRightsAsTheAPI(t *testing.T) {
	verbs := map[string][]string{
		"/incidents/inc-3/": {"approve", "veto", "abort", "ack", "close"}, "/services/checkout/": {"pause", "lock", "resume", "unlock"},
	}
	for base, names := range verbs {
		for _, verb := range names {
			for _, who := range []string{"", "vera", "oscar", "ann", "dave"} {
				w := newWorld()
				w.configFile, w.roles = webConfig(t, ""), roles()
				h := w.server().TCP()
				api := request(t, web.Peer{}, "POST", "/api/v1"+base+verb, `{"reason":"x"}`)
				login(api, who)
				wanted := send(t, h, api)
				r := form(t, web.Peer{}, base+verb, "reason", "x", "token", tokenFor(t, h, who))
				login(r, who)
				got := send(t, h, r)
				if (got.status == 303) != (wanted.status == 200) || wanted.status == 403 && got.status != 403 {
					t.Errorf("%s%s as %q: got %d, the API says %d\n%s", base, verb, who, got.status, wanted.status, got.body)
				}
				if wanted.status == 403 && !strings.Contains(got.body, "needs the role") {
					t.Errorf("%s%s as %q does not say what it takes\n%s", base, verb, who, got.body)
				}
			}
		}
	}
}

func login(r *http.Request, who string) {
	if who != "" {
		r.SetBasicAuth(who, who)
	}
}

// tokenFor is the token on a page that has any form for a user on TCP; somebody's
// who has none.
func tokenFor(t *testing.T, h http.Handler, who string) string {
	t.Helper()
	r := request(t, web.Peer{}, "GET", "/services/checkout", "")
	login(r, who)
	if found := tokenField.FindStringSubmatch(send(t, h, r).body); found != nil {
		return found[1]
	}
	return "none"
}

// TestOnlyFormsThatMeanSomethingAreDrawn: by role, by door and by state.
func TestOnlyFormsThatMeanSomethingAreDrawn(t *testing.T) {
	button := regexp.MustCompile(`formaction="/incidents/inc-3/([a-z]+)"`)
	drawn := func(body string) []string {
		verbs := []string{}
		for _, found := range button.FindAllStringSubmatch(body, -1) {
			verbs = append(verbs, found[1])
		}
		slices.Sort(verbs)
		return verbs
	}
	for who, want := range map[string][]string{
		"": {}, "vera": {}, "oscar": {"ack"}, "ann": {"ack", "approve", "close", "veto"},
	} {
		w := newWorld()
		w.configFile, w.roles = webConfig(t, ""), roles()
		r := request(t, web.Peer{}, "GET", "/incidents/inc-3", "")
		login(r, who)
		body := send(t, w.server().TCP(), r).body
		if diff := cmp.Diff(want, drawn(body)); diff != "" {
			t.Errorf("as %q (-want +got):\n%s", who, diff)
		}
		if says := strings.Contains(body, `class="only"`); says != (who != "ann") {
			t.Errorf("as %q: whether it says why not all can be done is %t\n%s", who, says, body)
		}
	}
	for state, want := range map[incident.State][]string{
		incident.Held: {"ack", "approve", "close", "veto"}, incident.AwaitingApproval: {"ack", "approve", "close", "veto"}, incident.CountingDown: {"ack", "approve", "close", "veto"},
		incident.Confirming: {"ack", "close", "veto"}, incident.RollingBack: {"abort", "ack"}, incident.Verifying: {"abort", "ack"}, incident.Closed: {},
	} {
		w := newWorld()
		w.incidents[0].State = state
		if diff := cmp.Diff(want, drawn(look(t, w.server().Socket(), "/incidents/inc-3").body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
}

// TestOnePersonsFormsAreNobodyElses: who looks at the same page in the same moment
// gets the forms of their own role, whoever it was drawn for first.
func TestOnePersonsFormsAreNobodyElses(t *testing.T) {
	people := map[string]string{"": "", "vera": "", "oscar": "ack", "ann": "approve"}
	for first := range people {
		w := newWorld()
		w.configFile, w.roles = webConfig(t, ""), roles()
		h := w.server().TCP()
		body := func(who string) string {
			r := request(t, web.Peer{}, "GET", "/incidents/inc-3?fragment=1", "")
			login(r, who)
			return send(t, h, r).body
		}
		body(first)
		for who, most := range people {
			for verb, may := range map[string]bool{"ack": most != "", "approve": most == "approve"} {
				if drawn := strings.Contains(body(who), `formaction="/incidents/inc-3/`+verb+`"`); drawn != may {
					t.Errorf("drawn for %q first, looked at by %q: whether there is a form to %s is %t", first, who, verb, drawn)
				}
			}
		}
	}
}

// TestAnAnswerIsNotShownForEver: an address that somebody keeps does not say that
// something was done just now.
func TestAnAnswerIsNotShownForEver(t *testing.T) {
	w := newWorld()
	mock := clock.NewMock()
	mock.Set(noon())
	h := w.serverAt(mock).Socket()
	at := send(t, h, form(t, alice(), "/incidents/inc-3/ack", "reason", "x", "token", tokenOn(t, h, alice(), "/incidents/inc-3"))).header.Get("Location")
	for _, after := range []time.Duration{0, 20 * time.Minute} {
		mock.Add(after)
		if shown := strings.Contains(look(t, h, at).body, "<strong>Done.</strong>"); shown != (after == 0) {
			t.Errorf("%s later: whether it is shown is %t", after, shown)
		}
	}
}

func TestWithoutUsersTCPSaysWhyItOnlyReads(t *testing.T) {
	h := newWorld().server().TCP()
	r := request(t, web.Peer{}, "GET", "/incidents/inc-3", "")
	r.SetBasicAuth("root", "root") // nobody checks it here
	body := send(t, h, r).body
	for _, want := range []string{"Over TCP this page only reads", "rollbackd approve inc-3 --reason", "Nothing says who you are"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q\n%s", want, body)
		}
	}
	if strings.Contains(body, "<form method=\"post\"") {
		t.Error("the page has a form that would be refused")
	}
}

// TestAYesIsForWhatWasShown: an incident may become another while its page is looked
// at. A yes to what it was is refused, a no to it is not.
func TestAYesIsForWhatWasShown(t *testing.T) {
	step := func(i *incident.Incident, name string) {
		i.State, i.Needs = incident.RollingBack, []incident.Need{{Role: "any", Count: 1}}
		i.Rollback = &incident.Run{State: incident.RunRunning, Steps: []incident.StepRun{{Name: name, Section: incident.SectionSteps, State: incident.StepRunning, Attempts: 1}}}
	}
	changes := map[string]func(i *incident.Incident){
		"nothing":                func(*incident.Incident) {},
		"another guard holds it": func(i *incident.Incident) { i.Decision.HeldBy = incident.GuardQuarantined },
		"one more guard holds it": func(i *incident.Incident) {
			i.Decision.Holds = append(i.Decision.Holds, incident.Hold{Guard: incident.GuardOnce})
		},
		"it goes elsewhere":         func(i *incident.Incident) { i.Decision.Target = "v0" },
		"it waits at its last step": func(i *incident.Incident) { step(i, "drop the old tables") },
	}
	for name, change := range changes {
		for verb, want := range map[string]bool{"approve": name == "nothing", "veto": true} {
			w := newWorld()
			w.incidents[0].State, w.incidents[0].Decision.HeldBy = incident.Held, incident.GuardCooldown
			h := w.server().Socket()
			body := look(t, h, "/incidents/inc-3").body
			shown := regexp.MustCompile(`name="shown" value="([^"]+)"`).FindStringSubmatch(body)
			if shown == nil {
				t.Fatalf("the form does not say what it shows\n%s", body)
			}
			change(w.incidents[0])
			r := form(t, alice(), "/incidents/inc-3/"+verb, "reason", "x", "shown", shown[1], "token", tokenField.FindStringSubmatch(body)[1])
			got := send(t, h, r)
			if got.status != 303 || w.done() != btoi(want) {
				t.Errorf("%s: %s: got %d and %d commands, want %t\n%s", name, verb, got.status, w.done(), want, got.body)
			}
			if says := strings.Contains(look(t, h, got.header.Get("Location")).body, "look at it as it is now"); says == want {
				t.Errorf("%s: %s: whether the page says why is %t", name, verb, says)
			}
		}
	}
}

func TestAFormThatIsTooLarge(t *testing.T) {
	w := newWorld()
	h := w.server().Socket()
	got := send(t, h, form(t, alice(), "/incidents/inc-3/approve", "reason", strings.Repeat("x", 70<<10), "token", tokenOn(t, h, alice(), "/incidents/inc-3")))
	if got.status != 413 || w.done() > 0 {
		t.Errorf("got %d and %d commands, want 413", got.status, w.done())
	}
}

package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbackd/rollbackd/config"
	"github.com/rollbackd/rollbackd/evaluator"
	"github.com/rollbackd/rollbackd/incident"
	"github.com/rollbackd/rollbackd/trigger"
)

// must parses a text that has to be without errors.
func must(t *testing.T, text string) (*config.Config, config.Report) {
	t.Helper()
	c, report := config.Parse("rollbackd.toml", []byte(text))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	return c, report
}

func mustRead(t *testing.T, file string) *config.Config {
	t.Helper()
	c, report := read(t, file)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	c := mustRead(t, "testdata/good/empty.toml")
	if c.Prometheus.Configured() || c.NATS.Configured() {
		t.Error("a source is configured that nobody wrote")
	}
	p := c.Prometheus
	if p.PollInterval != 15*time.Second || p.Timeout != 7500*time.Millisecond || p.MaxGap != 45*time.Second || p.MaxBody != 64<<20 || p.MaxSeries != 20000 || p.AcceptPartial {
		t.Errorf("prometheus: %+v", p)
	}
	wantDecide := config.Decide{
		Within:    map[trigger.Severity]time.Duration{trigger.Critical: 5 * time.Minute, trigger.High: 15 * time.Minute, trigger.Medium: time.Hour},
		Countdown: 2 * time.Minute, Approvals: map[string]int{"any": 1}, ApprovalExpires: 15 * time.Minute,
		EscalateAfter: []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute},
	}
	if diff := cmp.Diff(wantDecide, c.Decide); diff != "" {
		t.Errorf("decide (-want +got):\n%s", diff)
	}
	wantGuards := config.Guards{
		PerServiceCount: 2, PerServiceWithin: 6 * time.Hour, MaxConcurrent: 2, MaxPerHour: 5, NeverOK: true,
		Correlated: config.Correlated{Services: 3, Share: 0.3, Within: 5 * time.Minute},
	}
	if diff := cmp.Diff(wantGuards, c.Guards, cmpopts.IgnoreUnexported(config.Guards{})); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(evaluator.DefaultMatrix("1", 2*time.Minute), c.Matrix); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
	wantJournal := config.Journal{Path: "/var/lib/rollbackd/journal.db", Retention: 400 * 24 * time.Hour, MinFree: 64 << 20, Reserve: 16 << 20}
	if diff := cmp.Diff(wantJournal, c.Journal); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	wantWeb := config.Web{Socket: "/run/rollbackd/rollbackd.sock", Listen: "127.0.0.1:9797"}
	if diff := cmp.Diff(wantWeb, c.Web, cmpopts.IgnoreUnexported(config.Web{})); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
}

func TestSmallestFile(t *testing.T) {
	c := mustRead(t, "testdata/good/smallest.toml")
	checkout := c.BrainOptions().Services["checkout"]
	type summary struct {
		Name   string
		Unit   trigger.Unit
		WarmUp time.Duration
		Hold   trigger.Hold
		Limit  float64
	}
	var got []summary
	for _, s := range checkout.Triggers {
		first := s.Expr.Conditions[0]
		got = append(got, summary{s.Name, c.Metrics[first.Metric].Unit, s.WarmUp, s.Expr.Hold, first.Threshold})
	}
	want := []summary{
		{"errors", trigger.Ratio, 0, trigger.Hold{For: 2 * time.Minute}, 0.01},
		{"health", trigger.NoUnit, 2 * time.Minute, trigger.Hold{}, 0},
		{"slow", trigger.Seconds, 5 * time.Minute, trigger.Hold{For: 5 * time.Minute}, 0.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("triggers (-want +got):\n%s", diff)
	}
	wantDeployment := incident.DeploymentOptions{HasSource: true, Required: true, BlameWindow: time.Hour, OnsetSlack: 2 * time.Minute, MaxBack: 1, FinishWithin: 2 * time.Minute}
	if diff := cmp.Diff(wantDeployment, checkout.Deployment); diff != "" {
		t.Errorf("deployment (-want +got):\n%s", diff)
	}
	wantQuorum := trigger.Quorum{Share: 0.5, MinInstances: 1}
	if checkout.Quorum != wantQuorum {
		t.Errorf("quorum: %+v", checkout.Quorum)
	}
	// The longest range is 1m and two polls are 30s.
	if checkout.Plan.Verify.Settle != 90*time.Second || checkout.Cooldown != 5*time.Minute {
		t.Errorf("settle %s, cooldown %s", checkout.Plan.Verify.Settle, checkout.Cooldown)
	}
	if c.LongestRange("checkout") != time.Minute || c.LongestHold("checkout") != 5*time.Minute || c.LongestRange("nobody") != 0 {
		t.Errorf("longest range %s, hold %s", c.LongestRange("checkout"), c.LongestHold("checkout"))
	}
}

func TestSmallestPlan(t *testing.T) {
	plan := mustRead(t, "testdata/good/smallest.toml").BrainOptions().Services["checkout"].Plan
	want := &incident.Plan{
		Name: "checkout", Target: 10 * time.Minute, SLA: 15 * time.Minute, Timeout: 30 * time.Minute, UsesTarget: true,
		Verify: incident.Verify{Settle: 90 * time.Second, Hold: 5 * time.Minute, Within: 15 * time.Minute},
		Steps: []incident.PlanStep{
			{
				Name: "previous release", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, UsesTarget: true,
				Do: json.RawMessage(`{"kind":"symlink","link":"/srv/checkout/current","to":"/srv/checkout/releases/${target_version}"}`),
			},
			{
				Name: "restart", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true,
				Do: json.RawMessage(`{"kind":"exec","argv":["systemctl","restart","checkout.service"]}`),
			},
		},
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestFullFile(t *testing.T) {
	o := mustRead(t, "testdata/good/full.toml").BrainOptions()
	checkout := o.Services["checkout"]
	if !checkout.Shadow || checkout.Tier != "gold" || !o.Corroborate || o.Poll != 10*time.Second || o.MaxGap != 45*time.Second {
		t.Errorf("checkout %+v", checkout)
	}
	errors := checkout.Triggers[0]
	if errors.MinSamples != 5 || errors.MinRequests != 100 || errors.WarmUp != time.Minute || errors.NoData != trigger.NoDataBreach {
		t.Errorf("errors: %+v", errors)
	}
	if diff := cmp.Diff([]string{"audit"}, errors.Receivers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ops"}, checkout.Triggers[1].Receivers); diff != "" {
		t.Errorf("a trigger without receivers has those of its service: %s", diff)
	}
	if got := errors.Expr.Conditions[0].Threshold; got != 0.025 {
		t.Errorf("${vars.limit}%% is %v", got)
	}
	wantMatrix := evaluator.Matrix{
		"gold": {
			trigger.Critical: {Directness: evaluator.Rollback}, trigger.High: {Directness: evaluator.Countdown, Wait: 90 * time.Second},
			trigger.Medium: {Directness: evaluator.Approve}, trigger.Low: {Directness: evaluator.Notify},
		},
		"silver": {
			trigger.Critical: {Directness: evaluator.Countdown, Wait: 10 * time.Minute}, trigger.High: {Directness: evaluator.Approve},
			trigger.Medium: {Directness: evaluator.Approve}, trigger.Low: {Directness: evaluator.Notify},
		},
	}
	if diff := cmp.Diff(wantMatrix, o.Matrix); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
	if o.Services["search"].Tier != "gold" {
		t.Errorf("the default tier is %q", o.Services["search"].Tier)
	}
	if o.Services["search"].Quorum != (trigger.Quorum{Share: 0.25, MinInstances: 1}) {
		t.Errorf("search: %+v", o.Services["search"].Quorum)
	}
	if checkout.Deployment.FinishWithin != 10*time.Minute {
		t.Errorf("finish within %s", checkout.Deployment.FinishWithin)
	}
	if len(checkout.Plan.Verify.When) != 1 || checkout.Cooldown != 20*time.Minute {
		t.Errorf("verify %+v, cooldown %s", checkout.Plan.Verify, checkout.Cooldown)
	}
}

func TestFullPlanSteps(t *testing.T) {
	dir := withWebFile(t)
	data, err := os.ReadFile("testdata/good/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	c, report := config.Parse(filepath.Join(dir, "rollbackd.toml"), data)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	plan := c.BrainOptions().Services["checkout"].Plan
	ops := map[string]int{"any": 2, "ops-lead": 1}
	wantSteps := []incident.PlanStep{
		{
			Name: "undo", Phase: "application", Timeout: 2 * time.Minute, Retries: 2, Idempotent: true, OnFailure: "escalate", Changes: true,
			Do:    json.RawMessage(`{"kind":"exec","argv":["/bin/true","--to=${target_version}","--zone","${vars.zone}"]}`),
			Probe: json.RawMessage(`{"kind":"http","method":"GET","url":"https://lb/version?is=${target_version}","expect":[200,204]}`),
			If:    json.RawMessage(`{"kind":"exec","argv":["/bin/test","-e","/srv/${each}"]}`),
			Each:  []string{"web1", "web2:8080"}, Soak: 2 * time.Minute, UnitSLA: 3 * time.Minute,
			Only: []string{"application", "all"}, Enough: 90 * time.Second, UsesTarget: true,
		},
		{Name: "wait 2", Timeout: 11 * time.Minute, OnFailure: "stop", Do: json.RawMessage(`{"kind":"wait","for":"10m"}`)},
		{
			Name: "symlink 3", Timeout: 5 * time.Minute, OnFailure: "stop", Changes: true, UsesTarget: true,
			Do: json.RawMessage(`{"kind":"symlink","link":"/srv/checkout/current","to":"/srv/checkout/releases/${target_version}"}`),
		},
		{
			Name: "few errors", Timeout: 5 * time.Minute, OnFailure: "stop", Only: []string{"application"},
			Do: json.RawMessage(`{"kind":"query","expr":"errors_total{version=\"${target_version}\"} \u003c ${vars.limit}","hold":"90s"}`),
		},
		{Name: "query 5", Timeout: 5 * time.Minute, OnFailure: "stop", Do: json.RawMessage(`{"kind":"query","expr":"up == 1"}`)},
		{
			Name: "approval 6", Timeout: 30 * time.Minute, OnFailure: "stop",
			Do:       json.RawMessage(`{"kind":"approval","text":"half of the traffic is back: go on?","needs":{"any":2,"ops-lead":1}}`),
			Approval: &incident.StepApproval{Text: "half of the traffic is back: go on?", Needs: ops},
		},
		{
			Name: "approval 7", Timeout: time.Hour, OnFailure: "stop", Do: json.RawMessage(`{"kind":"approval","text":"last chance"}`),
			Approval: &incident.StepApproval{Text: "last chance"},
		},
	}
	if diff := cmp.Diff(wantSteps, plan.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	wantChecks := []incident.PlanStep{
		{
			Name: "backup exists", Phase: "prepare", Timeout: 10 * time.Second, OnFailure: "stop",
			Do: json.RawMessage(`{"kind":"exec","argv":["/bin/test","-s","/backups/${service}-${running_version}.sql"]}`),
		},
		{Name: "check 2", Timeout: 5 * time.Minute, OnFailure: "stop", Do: json.RawMessage(`{"kind":"http","method":"GET","url":"https://lb/health"}`)},
	}
	if diff := cmp.Diff(wantChecks, plan.Checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	wantFinally := `{"kind":"http","method":"PUT","url":"https://lb/maintenance/off","headers":{"X-Incident":"${incident}"},"header_files":{"Authorization":"` +
		filepath.Join(dir, "lb.key") + `"},"body":"{}","expect":[200]}`
	if got := string(plan.Finally[0].Do); got != wantFinally {
		t.Errorf("finally: %s\nwant:    %s", got, wantFinally)
	}
	if len(plan.FollowUp) != 1 || plan.FollowUp[0].Name != "clean up" || !plan.FollowUp[0].Changes {
		t.Errorf("follow_up: %+v", plan.FollowUp)
	}
	if m := plan.Monitor; m.For != 2*time.Hour || len(m.When) != 1 || m.When[0].Conditions[0].Threshold != 1024 {
		t.Errorf("monitor: %+v", m)
	}
	http := c.Prometheus.HTTP
	if http.BasicAuth.PasswordFile != filepath.Join(dir, "prom.password") || http.TLSConfig.CAFile != filepath.Join(dir, "ca.pem") ||
		http.FollowRedirects || !http.EnableHTTP2 || http.HTTPHeaders.Headers["X-Api-Token"].Files[0] != filepath.Join(dir, "token") {
		t.Errorf("http: %+v", http)
	}
}

// withWebFile is a folder that has the web-config file that full.toml names.
func withWebFile(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/good/web.yml")
	if err != nil {
		t.Fatal(err)
	}
	return folder(t, map[string]string{"testdata/good/web.yml": string(data)})
}

func TestPerServiceMetric(t *testing.T) {
	c := mustRead(t, "testdata/good/full.toml")
	got := c.Metrics["lag"].For(c.Services["checkout"])
	want := config.Metric{
		Name: "lag", Query: `max by (service) (lag_seconds{zone="eu-1"} offset 1m)`, By: "service", Unit: trigger.Seconds,
		Fresh: "max by (service) (timestamp(lag_seconds))", PerService: true,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config.Metric{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var reads []string
	for _, m := range c.Services["checkout"].Metrics() {
		reads = append(reads, m.Name)
	}
	if diff := cmp.Diff([]string{"error_rate", "lag", "queue"}, reads); diff != "" {
		t.Errorf("the service reads (-want +got):\n%s", diff)
	}
	if got := c.Services["checkout"].Metrics()[1].Query; got != want.Query {
		t.Errorf("a service's own query is %s", got)
	}
	if c.Metrics["queue"].Unit != trigger.Bytes || c.Metrics["queue"].PerService {
		t.Errorf("queue: %+v", c.Metrics["queue"])
	}
	// 10m of subquery and 5m of offset.
	if c.LongestRange("checkout") != 15*time.Minute || c.LongestHold("checkout") != 6*time.Minute {
		t.Errorf("longest range %s, hold %s", c.LongestRange("checkout"), c.LongestHold("checkout"))
	}
	hostile := &config.Service{Match: `a"} or vector(1) #`, Vars: map[string]string{"zone": `\`}}
	if got := c.Metrics["lag"].For(hostile).Query; got != `max by (service) (lag_seconds{zone="\\"} offset 1m)` {
		t.Errorf("a value left its quotes: %s", got)
	}
	if got := c.Services["checkout"].Deployment.VersionQuery; got != `count by (release) (app_info{service="checkout-prod"})` {
		t.Errorf("version_query: %s", got)
	}
}

func TestEffective(t *testing.T) {
	for _, name := range []string{"smallest", "full", "empty"} {
		c := mustRead(t, "testdata/good/"+name+".toml")
		text, err := c.Effective("")
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("hunter2")) {
			t.Errorf("%s prints a secret", name)
		}
		if name != "full" {
			// Only full.toml names files, which are printed absolute.
			golden(t, "testdata/good/"+name+".effective", string(text))
		}
		again, report := config.Parse(name+".toml", text)
		if err := report.Err(); err != nil {
			t.Fatalf("%s does not read its own effective form: %v\n%s", name, err, text)
		}
		if _, before := read(t, "testdata/good/"+name+".toml"); len(report.Warnings) != len(before.Warnings) {
			t.Errorf("%s: the effective form is warned of anew: %v", name, report.Warnings)
		}
		if name != "full" && again.Hash() != c.Hash() {
			t.Errorf("%s: the effective form means something else", name)
		}
	}
}

func TestEffectiveOfOneService(t *testing.T) {
	c := mustRead(t, "testdata/good/full.toml")
	text, err := c.Effective("search")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Services map[string]any
		Plans    map[string]any
		Metrics  map[string]any
	}
	if _, err := toml.Decode(string(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Services) != 1 || got.Services["search"] == nil || len(got.Plans) != 0 || len(got.Metrics) != 0 {
		t.Errorf("search is not alone:\n%s", text)
	}
	if !strings.HasPrefix(string(text), "# search: hash "+c.Hash()+", cooldown 20m, longest range 0s, settle 20s\n") {
		t.Errorf("first line: %s", text[:80])
	}
	text, err = c.Effective("checkout")
	if err != nil || !strings.Contains(string(text), "[plans.shop.verify]") || !strings.Contains(string(text), "[receivers.audit.webhook]") {
		t.Errorf("the shared plan or a trigger's receiver is missing: %v\n%s", err, text)
	}
	if _, err := c.Effective("chekout"); err == nil || !strings.Contains(err.Error(), `(did you mean "checkout"?)`) {
		t.Errorf("unknown service: %v", err)
	}
}

func TestHash(t *testing.T) {
	const one = "[journal]\nretention = \"30d\"\n[web]\nlisten = \"127.0.0.1:1\"\n"
	base, _ := must(t, one)
	if len(base.Hash()) != 12 {
		t.Errorf("hash %q", base.Hash())
	}
	same, _ := must(t, "# a comment\n[web]\nlisten = '127.0.0.1:1'\n\n[journal]\nmin_free = \"64MiB\"\nretention = \"30d\"\n")
	if same.Hash() != base.Hash() {
		t.Error("comments, order or a default written out change the hash")
	}
	other, _ := must(t, strings.Replace(one, "30d", "31d", 1))
	if other.Hash() == base.Hash() {
		t.Error("another retention has the same hash")
	}
	// Two secrets in an address print alike and are not the same.
	hook := "[receivers.a]\nwebhook = { url = \"https://a.example.com/?token=X\", secret_file = \"k\" }\n"
	a, _ := must(t, hook)
	b, _ := must(t, strings.Replace(hook, "token=X", "token=Y", 1))
	if a.Hash() == b.Hash() {
		t.Error("another address has the same hash")
	}
}

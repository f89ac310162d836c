package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// healthyFor is how long all must be well before the bad release comes: longer
// than the range of the queries, so that there is a "before" to compare with.
const healthyFor = 12 * time.Second

// play tells the story: start, be well, deploy, break, undo, be well.
func play(ctx context.Context, w *world, s *screen) error {
	api, err := start(ctx, w, s)
	if err != nil {
		return err
	}
	s.say("")
	s.event(time.Now(), green, "healthy", fmt.Sprintf("%s sells; %s of ordinary traffic first", goodVersion, healthyFor))
	s.flush()
	f := newFollower(api, w, s)
	if err := f.awaitHealthy(ctx, healthyFor); err != nil {
		return fmt.Errorf("waiting for the triggers to be known ok: %w", errors.Join(err, w.gone()))
	}
	deployedAt := time.Now()
	s.event(deployedAt, bold, "deploy", fmt.Sprintf("%s goes out; it fails %.0f%% of its requests, which nobody knows yet", badVersion, failShare*100))
	s.flush()
	if err := w.deployBad(deployedAt); err != nil {
		return err
	}
	if err := f.awaitClosed(ctx, w.gone); err != nil {
		return err
	}
	if err := errors.Join(f.undone(), w.answersAs(ctx, goodVersion)); err != nil {
		return err
	}
	sum(f, w, s, deployedAt)
	if err := f.awaitImpact(ctx); err != nil {
		return err
	}
	return w.report(f.incident.ID, s)
}

// start brings up all there is and says where it is.
func start(ctx context.Context, w *world, s *screen) (*api, error) {
	if err := w.startNATS(); err != nil {
		return nil, err
	}
	if err := w.shopctl("restart"); err != nil {
		return nil, err
	}
	w.load = startLoad("http://" + w.shop + "/")
	var err error
	if w.metrics, err = startMetrics(ctx, w, s); err != nil {
		return nil, err
	}
	if w.inbox, err = startInbox(); err != nil {
		return nil, err
	}
	if err := w.startRollbackd(); err != nil {
		return nil, err
	}
	api := newAPI(w.socket())
	if err := poll(ctx, func() (bool, error) { return api.ready(ctx), w.gone() }); err != nil {
		return nil, err
	}
	s.say("")
	s.fact("shop", "http://"+w.shop, fmt.Sprintf("%s, a process of its own; %d requests a second", goodVersion, perSecond))
	s.fact("metrics", w.metrics.URL(), w.metrics.About())
	s.fact("nats", w.nats.ClientURL(), "a NATS server in this process")
	s.fact("rollbackd", "http://"+w.web, "its page, live; it asks every second, and error_rate > 1% for 10s rolls back")
	return api, nil
}

// deployBad does what a deployer does: put the release in place, restart, and
// tell everybody on NATS.
func (w *world) deployBad(began time.Time) error {
	if err := w.shopctl("deploy", badVersion); err != nil {
		return err
	}
	event, err := json.Marshal(map[string]any{
		"service": service, "version": badVersion, "previous": goodVersion,
		"started_at": began.UTC().Format(time.RFC3339Nano), "by": "the demo",
	})
	if err != nil {
		return err
	}
	bus, err := nats.Connect(w.nats.ClientURL())
	if err != nil {
		return err
	}
	defer bus.Close()
	return errors.Join(bus.Publish("rollbackd.v1.deploy."+service, event), bus.FlushTimeout(5*time.Second))
}

// answersAs is an error unless the shop, asked now, answers as a version and
// the link leads there.
func (w *world) answersAs(ctx context.Context, version string) error {
	link, err := os.Readlink(w.path("current"))
	if err != nil || filepath.Base(link) != version {
		return errors.Join(err, fmt.Errorf("current leads to %q, not to %s", link, version))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.shop+"/", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if got := strings.TrimSpace(string(body)); err != nil || response.StatusCode != http.StatusOK || got != version {
		return errors.Join(err, fmt.Errorf("the shop answers %s %q, not as %s", response.Status, got, version))
	}
	return nil
}

// sum says what it came to.
func sum(f *follower, w *world, s *screen, deployedAt time.Time) {
	i := f.incident
	fired := i.Triggers[0].FiredAt
	s.say("")
	s.say(s.paint(green, goodVersion+" answers again, and rollbackd has seen that it is well."))
	s.say("")
	line := func(name, value string) { s.say(fmt.Sprintf("  %-22s %s", name, value)) }
	line("reason", i.Decision.Reason)
	line("deployed to firing", seconds(fired.Sub(deployedAt)))
	line("firing to decision", seconds(i.Rollback.DecidedAt.Sub(fired)))
	for _, step := range i.Rollback.Steps {
		if step.Section == "steps" {
			line("step "+step.Name, seconds(step.EndedAt.Sub(step.StartedAt)))
		}
	}
	line("decision to verified", seconds(i.Rollback.EndedAt.Sub(i.Rollback.DecidedAt)))
	answered, failed, refused := w.load.answered.Load(), w.load.failed.Load(), w.load.refused.Load()
	line("customers", fmt.Sprintf("%d requests: %d failed, %d met a shop that was restarting", answered+refused, failed, refused))
}

// seconds is a duration as the viewer reads it.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// stay keeps everything running until somebody interrupts, and says what can be
// tried meanwhile.
func stay(ctx context.Context, w *world, s *screen) {
	binary, err := filepath.Abs(w.options.rollbackd)
	if err != nil {
		binary = w.options.rollbackd
	}
	client := fmt.Sprintf("%s --web.address unix:%s", binary, w.socket())
	s.say("")
	s.say("It all stays up until you press Ctrl-C. Things to try in another terminal:")
	s.say("")
	for _, try := range [][2]string{
		{"what it sees now", client + " status"},
		{"what happened, whole", client + " show " + incidentID(ctx, w)},
		{"which versions it knows", client + " versions " + service},
		{"why it would or would not act", client + " why " + service},
		{"deploy " + badVersion + " again: it is quarantined now, so a person is asked", fmt.Sprintf("%s --dir %s deploy %s", w.path("bin", "shopctl"), w.dir, badVersion)},
		{"put it right by hand", fmt.Sprintf("%s --dir %s deploy %s", w.path("bin", "shopctl"), w.dir, goodVersion)},
		{"its own metrics", "curl http://" + w.web + "/metrics"},
	} {
		s.say("  # " + try[0])
		s.say("  " + try[1])
	}
	<-ctx.Done()
}

// incidentID is the newest incident's id, or a word in its place.
func incidentID(ctx context.Context, w *world) string {
	if i, err := newAPI(w.socket()).newestIncident(ctx); err == nil && i != nil {
		return i.ID
	}
	return "ID"
}

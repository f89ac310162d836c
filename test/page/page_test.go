package page_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rollbackd/rollbackd/test/world"
)

// soon is long enough for anything that takes seconds, on a busy machine too.
const soon = 60 * time.Second

// users is the web-config file: ann, whose password is her name.
const users = "basic_auth_users:\n  ann: $2a$04$XrXxqt6QoMjARNsS/8HjL.oBd923RyG8fYwTEvZ3aXD6.T2qakadm\n"

// more asks people before anything critical is undone.
const more = `config_file = "%DIR/web.yml"

[web.roles]
approver = ["ann"]

[matrix]
tiers    = ["1"]
critical = ["approve"]
high     = ["approve"]
medium   = ["notify"]
low      = ["notify"]
`

// newWorld is a service with a daemon that ann may tell what to do over TCP, and
// the daemon's address there.
func newWorld(t *testing.T) (w *world.World, address string) {
	t.Helper()
	w = world.New(t, world.Options{Program: program, More: more})
	if err := os.WriteFile(filepath.Join(w.Dir, "web.yml"), []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Start()
	listening := regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`)
	world.Await(t, "the daemon's address", soon, func() (bool, string) {
		for line := range strings.Lines(w.Daemon.Log()) {
			if strings.Contains(line, "tcp=") || strings.Contains(line, "listen") {
				if address = listening.FindString(line); address != "" {
					return true, ""
				}
			}
		}
		return false, w.Daemon.Log()
	})
	return w, address
}

// TestAPersonSaysNoAndThenYes goes through a night with the mouse: a bad version is
// deployed, the page says so by itself, and what is clicked is done.
func TestAPersonSaysNoAndThenYes(t *testing.T) {
	t.Parallel()
	w, address := newWorld(t)
	w.AwaitWell("errors", "slow")
	b := newBrowser(t, address, "ann")
	b.look(1280, "light")
	b.open("/")
	b.awaitText("checkout", soon)
	eval[bool](b, "window.notLoadedAgain = true")

	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	b.awaitText("waiting for you", soon)
	if !eval[bool](b, "window.notLoadedAgain === true") {
		t.Error("the page was loaded again, and not kept up to date")
	}
	b.views("services")
	b.open("/services/checkout")
	b.awaitText("waiting for you", soon)
	b.views("service")

	i := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("awaiting_approval"))
	b.open("/incidents/" + i.ID)
	b.awaitText("Still needed: 1 approval", soon)
	b.views("incident-waiting")
	b.typedTextStays()

	b.say("Veto", "a load test")
	b.awaitText("Done. Vetoed", soon)
	w.Daemon.AwaitIncident(t, w.Name, soon, func(i world.Incident) bool { return i.Decision.HeldBy == "vetoed" })
	b.awaitText("Held by\nvetoed", soon)
	if w.Current() != "v2" {
		t.Fatalf("%s runs after a veto, want v2", w.Current())
	}

	eval[bool](b, "window.notLoadedAgain = true")
	b.say("Approve", "it was no load test")
	b.awaitText("Done. Your approval is on record", soon)
	b.awaitText("verifying", soon)
	b.awaitText("There is nothing to do.", 2*soon)
	b.views("incident-closed")
	closed := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("closed"))
	if closed.Outcome != "rolled_back" || w.Current() != "v1" {
		t.Errorf("outcome %s and %s runs, want rolled_back and v1", closed.Outcome, w.Current())
	}
	b.open("/history")
	b.awaitText("Rollbacks that worked", soon)
	b.views("history")
	if problems := b.problems(); len(problems) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(problems, "\n"))
	}
}

// say writes a reason into the form and clicks a button.
func (b *browser) say(button, reason string) {
	b.t.Helper()
	b.do(
		chromedp.WaitVisible("#incident-reason"), chromedp.SendKeys("#incident-reason", reason),
		chromedp.Click(`//button[starts-with(normalize-space(.), "`+button+`")]`),
	)
}

// typedTextStays checks that a page which is kept up to date takes nothing away
// from who is writing into it.
func (b *browser) typedTextStays() {
	b.t.Helper()
	eval[bool](b, `(() => { document.querySelectorAll('#live details').forEach((d) => { d.open = !d.open; d.dataset.was = d.open; }); return true; })()`)
	b.do(chromedp.SendKeys("#incident-reason", "half a rea"))
	first := eval[string](b, "document.getElementById('fresh').textContent")
	world.Await(b.t, "the page to be brought up to date", soon, func() (bool, string) {
		now := eval[string](b, "document.getElementById('fresh').textContent")
		return strings.HasPrefix(now, "Live") && now != first, now
	})
	kept := eval[bool](b, `document.activeElement.id === 'incident-reason' && document.activeElement.value === 'half a rea' &&
		[...document.querySelectorAll('#live details[data-was]')].every((d) => String(d.open) === d.dataset.was)`)
	if !kept {
		b.t.Error("bringing the page up to date took the focus or the text away, or shut what was open")
	}
	eval[bool](b, "(document.getElementById('incident-reason').value = '') === ''")
}

// TestWithoutScriptThePageIsTheSame reads and decides with script turned off.
func TestWithoutScriptThePageIsTheSame(t *testing.T) {
	t.Parallel()
	w, address := newWorld(t)
	w.AwaitWell("errors", "slow")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	i := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("awaiting_approval"))

	b := newBrowser(t, address, "ann")
	b.look(360, "light")
	b.scriptOff()
	b.open("/incidents/" + i.ID)
	b.awaitText("Without JavaScript this page is loaded again", soon)
	b.say("Acknowledge", "looking")
	b.awaitText("Done. Acknowledged", soon)
	b.awaitText("Acknowledged by\nann", soon)
}

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
const soon = 3 * time.Minute

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
func newWorld(t testing.TB) (w *world.World, address string) {
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
	b.typedTextStays("brakes-reason", "brakes-all")
	b.open("/services/checkout")
	b.awaitText("waiting for you", soon)
	b.views("service")

	i := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("awaiting_approval"))
	b.open("/incidents/" + i.ID)
	b.awaitText("Still needed: 1 approval", soon)
	b.views("incident-waiting")
	b.typedTextStays("incident-reason", "")

	b.say("Veto", "a load test")
	b.awaitText("Done. Vetoed", soon)
	w.Daemon.AwaitIncident(t, w.Name, soon, func(i world.Incident) bool { return i.Decision.HeldBy == "vetoed" })
	b.awaitText("Held by\nvetoed", soon)
	if w.Current() != "v2" {
		t.Fatalf("%s runs after a veto, want v2", w.Current())
	}

	b.say("Approve", "it was no load test")
	b.awaitText("Done. Your approval is on record", soon)
	eval[bool](b, "window.notLoadedAgain = true")
	b.awaitText("verifying", soon)
	b.awaitText("There is nothing to do.", 2*soon)
	if !eval[bool](b, "window.notLoadedAgain === true") {
		t.Error("the page was loaded again while the rollback ran, and not kept up to date")
	}
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

// say writes a reason into the form and clicks a button. Where the page is kept up
// to date, a click that came as its buttons or their places changed sends nothing,
// and is made again, as a person would.
func (b *browser) say(button, reason string) {
	b.t.Helper()
	click := chromedp.Click(`//button[starts-with(normalize-space(.), "` + button + `")]`)
	b.do(chromedp.WaitVisible("#incident-reason"), chromedp.SendKeys("#incident-reason", reason))
	if b.still {
		b.do(click)
		return
	}
	eval[bool](b, "(window.nothingSent = true, document.addEventListener('submit', () => window.nothingSent = false), true)")
	world.Await(b.t, "the form to be sent", soon, func() (bool, string) {
		if eval[bool](b, "!!document.querySelector('form.act.settling')") {
			return false, "its buttons have just changed"
		}
		b.do(click)
		nothing, err := tryEval[bool](b, "window.nothingSent === true") // an error is the answer on its way
		return err != nil || !nothing, "a click sent nothing"
	})
}

// typedTextStays checks that a page which is kept up to date takes nothing away
// from who is writing into it: not the focus, not the text, and what holds the form
// stays open. opened is that, by its ID; empty where the form stands in the open.
func (b *browser) typedTextStays(field, opened string) {
	b.t.Helper()
	if opened != "" {
		b.do(chromedp.Click("#" + opened + " > summary"))
	}
	b.do(chromedp.WaitVisible("#"+field), chromedp.SendKeys("#"+field, "half a rea"))
	countdown := eval[string](b, "document.querySelector('#live').innerHTML")
	first := eval[string](b, "document.getElementById('fresh').textContent")
	world.Await(b.t, "the page to be brought up to date", soon, func() (bool, string) {
		now := eval[string](b, "document.getElementById('fresh').textContent")
		changed := eval[string](b, "document.querySelector('#live').innerHTML") != countdown // else this shows nothing
		return strings.HasPrefix(now, "Live") && now != first && changed, now
	})
	if got := eval[string](b, "document.activeElement.id + ': ' + document.activeElement.value"); got != field+": half a rea" {
		b.t.Errorf("after the page was brought up to date there is %q, want the focus and the text still in %s", got, field)
	}
	if opened != "" && !eval[bool](b, "document.getElementById('"+opened+"').open") {
		b.t.Errorf("bringing the page up to date shut %s", opened)
	}
	eval[bool](b, "(document.getElementById('"+field+"').value = '') === ''")
}

// TestAButtonStaysWhatItWas: a page that is kept up to date does not make another
// button of the one that has the focus, and a click that comes as the buttons change
// does nothing, for it was meant for what stood there.
func TestAButtonStaysWhatItWas(t *testing.T) {
	t.Parallel()
	w, address := newWorld(t)
	w.AwaitWell("errors", "slow")
	w.Behave("v2", world.Behaviour{Errors: 0.08})
	w.Deploy(t, "v2")
	i := w.Daemon.AwaitIncident(t, w.Name, soon, world.InState("awaiting_approval"))

	b := newBrowser(t, address, "ann")
	b.look(1280, "light")
	b.open("/incidents/" + i.ID)
	b.do(chromedp.WaitVisible("#incident-reason"), chromedp.SendKeys("#incident-reason", "looking"), chromedp.Focus("#incident-do-ack"))
	b.awaitText("Live, as of", soon)
	eval[bool](b, `(() => {
		const list = document.querySelector('#form-incident .buttons');
		window.verb = (e) => e?.getAttribute?.('formaction')?.split('/').pop() ?? 'none';
		window.sent = [];
		document.addEventListener('submit', (e) => { sent.push(verb(e.submitter)); e.preventDefault(); });
		new MutationObserver(() => { window.had = verb(document.activeElement); document.getElementById('incident-do-veto').click(); }).observe(list, { childList: true, subtree: true });
		return true;
	})()`)
	w.Daemon.Post(t, "/api/v1/incidents/"+i.ID+"/ack", map[string]string{"reason": "somebody else is on it"})
	world.Await(t, "the button to go", soon, func() (bool, string) {
		return !eval[bool](b, "!!document.getElementById('incident-do-ack')"), "it is there"
	})
	if had := eval[string](b, "window.had ?? 'never'"); had != "none" {
		t.Errorf("the focus was on ack, which went: now it is on %q, want it on no button", had)
	}
	if sent := eval[[]string](b, "window.sent"); len(sent) > 0 {
		t.Errorf("a click in the moment of the change sent %v, want nothing", sent)
	}
	b.awaitText("The buttons have just changed", soon)
	world.Await(t, "the buttons to be taken again", soon, func() (bool, string) {
		eval[bool](b, "document.getElementById('incident-do-veto').click() === undefined")
		sent := eval[[]string](b, "window.sent")
		return len(sent) == 1 && sent[0] == "veto", strings.Join(sent, ", ")
	})
}

// TestAPageThatNobodyLooksAtHoldsNoConnection: a browser opens six to one host, and
// each stream of events takes one.
func TestAPageThatNobodyLooksAtHoldsNoConnection(t *testing.T) {
	t.Parallel()
	_, address := newWorld(t)
	b := newBrowser(t, address, "ann")
	b.do(chromedp.Navigate("about:blank"))
	b.atStart(`window.streams = 0;
		window.EventSource = class extends EventSource { constructor(u) { super(u); window.streams++; } close() { super.close(); window.streams--; } };
		Object.defineProperty(document, 'hidden', { get: () => !!window.away });`)
	b.open("/")
	turn := func(away string, want int) {
		eval[bool](b, "(window.away = "+away+", document.dispatchEvent(new Event('visibilitychange')))")
		if got := eval[int](b, "window.streams"); got != want {
			t.Errorf("away is %s: %d streams, want %d", away, got, want)
		}
	}
	b.awaitText("Live, as of", soon)
	turn("true", 0)
	turn("false", 1)
	turn("false", 1)
}

// TestAPageThatGetsNoAnswerSaysSo: a network that swallows everything says nothing of
// that, and what is shown grows old.
func TestAPageThatGetsNoAnswerSaysSo(t *testing.T) {
	t.Parallel()
	_, address := newWorld(t)
	b := newBrowser(t, address, "ann")
	b.atStart(`window.fetch = (to, how) => new Promise((_, fail) => how.signal?.addEventListener('abort', () => fail(how.signal.reason)));`)
	b.open("/")
	b.awaitText("The connection is lost: this may be old.", soon)
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

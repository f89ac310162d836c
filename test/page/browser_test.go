package page_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/rollbackd/rollbackd/test/world"
)

// browser is a Chromium without a window, with one tab. It keeps what goes wrong
// in the tab, and where the tab asks.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
	// still says that pages are shown without their script.
	still bool

	mu      sync.Mutex
	wrong   []string
	foreign []string
}

// newBrowser starts one that is at a server, host:port, as a user.
func newBrowser(t *testing.T, address, user string) *browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(world.Require(t, "chromium")), chromedp.NoSandbox,
		chromedp.WSURLReadTimeout(soon)) // its start takes longest where much else goes on
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, base: "http://" + user + ":" + user + "@" + address}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the browser lives as long as this context
		t.Fatal(err)
	}
	console, requests := chromedp.Console(ctx), chromedp.Events(ctx, network.RequestWillBeSent)
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.note(&b.wrong, m.String())
		}
	}()
	go func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			if to, err := url.Parse(r.Request.URL); err != nil || to.Scheme != "data" && to.Host != address {
				b.note(&b.foreign, r.Request.URL)
			}
		}
	}()
	return b
}

func (b *browser) note(list *[]string, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, text)
}

// problems are what the tab complained about, and where it asked beside our server.
func (b *browser) problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.wrong)
	for _, to := range b.foreign {
		all = append(all, "it asked "+to)
	}
	return all
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, soon)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
}

// open shows a path of the server.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// eval is the value of an expression of JavaScript.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := tryEval[T](b, expression)
	if err != nil {
		b.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return v
}

// tryEval is eval where another page may come in between, which is an error.
func tryEval[T any](b *browser, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, soon)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// awaitText waits until the page shows a text, without it being loaded again.
func (b *browser) awaitText(text string, within time.Duration) {
	b.t.Helper()
	world.Await(b.t, "the page to show "+text, within, func() (bool, string) {
		shown, err := tryEval[string](b, "document.body?.innerText ?? ''") // there is no body while another page is on its way
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(shown, text), shown
	})
}

// look makes the tab as wide as a screen or a phone, in the light or the dark.
func (b *browser) look(width int64, scheme string) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, 800))
}

// weight is what the page that is shown took: until its first byte, and all of its
// bytes with its files, as they were sent.
func (b *browser) weight(name string) {
	b.t.Helper()
	const most = 150 << 10
	took := eval[[]float64](b, `(() => {
		const page = performance.getEntriesByType('navigation')[0], files = performance.getEntriesByType('resource').filter((r) => r.name.includes('/assets/'));
		return [page.responseStart - page.requestStart, files.reduce((sum, r) => sum + r.encodedBodySize, page.encodedBodySize), files.length];
	})()`)
	b.t.Logf("%s: first byte after %.1f ms, %.1f KiB with %g files", name, took[0], took[1]/1024, took[2])
	if took[1] > most || took[1] < 10<<10 || took[2] < 2 {
		b.t.Errorf("%s is %.0f bytes with %g files, want at most %d with the style sheet and the script", name, took[1], took[2], most)
	}
}

// views looks at the page as it is in every way, keeps a picture of each, and
// checks that everybody can read it.
func (b *browser) views(name string) {
	b.t.Helper()
	b.weight(name)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			b.look(width, scheme)
			b.checkReadable(fmt.Sprintf("%s, %s, %d wide", name, scheme, width))
			ctx, cancel := context.WithTimeout(b.ctx, soon)
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			cancel()
			if err != nil {
				b.t.Fatal(err)
			}
			file := filepath.Join(screenshots(b.t), fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
			if err := os.WriteFile(file, picture, 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.look(1280, "light")
}

// screenshots is the folder for pictures.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ROLLBACKD_SCREENSHOTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkReadable asks the browser for all that keeps somebody from reading the page.
func (b *browser) checkReadable(what string) {
	b.t.Helper()
	for _, problem := range eval[[]string](b, readable) {
		b.t.Errorf("%s: %s", what, problem)
	}
}

// readable lists what is wrong with a page for those who use it by keyboard, with a
// screen reader, on a phone or in the dark. Contrast is that of each text with the
// ground that it stands on, as it was drawn.
const readable = `(() => {
  const wrong = [], say = (e, text) => wrong.push(text + ': ' + e.outerHTML.slice(0, 120));
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.unseen, .skip');
  const all = (s) => [...document.querySelectorAll(s)].filter(shown);
  if (document.documentElement.lang !== 'en') wrong.push('no language');
  if (!document.title) wrong.push('no title');
  if (all('h1').length !== 1) wrong.push(all('h1').length + ' h1');
  for (const s of ['body > header', 'nav[aria-label]', 'main#main', 'body > footer', 'a.skip[href="#main"]', '[role=status][aria-live]'])
    if (!document.querySelector(s)) wrong.push('no ' + s);
  let level = 0;
  for (const h of all('h1,h2,h3,h4')) { const n = +h.tagName[1]; if (n > level + 1) say(h, 'a level is left out'); level = n; }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => wrong.push('two elements are #' + id));
  for (const e of document.querySelectorAll('[aria-labelledby],[aria-describedby]'))
    for (const id of (e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby')).split(' ')) if (!document.getElementById(id)) say(e, 'refers to #' + id + ', which is not there');
  for (const e of all('a,button,input,select,textarea,summary,[tabindex="0"]')) {
    const name = e.getAttribute('aria-label') || [...(e.labels || [])].map((l) => l.innerText).join('') || e.innerText || '';
    if (!name.trim()) say(e, 'no name');
    const box = e.getBoundingClientRect();
    if (['BUTTON', 'INPUT', 'SELECT'].includes(e.tagName) && e.type !== 'hidden' && box.height < 24) say(e, 'too small to touch');
    e.focus({ preventScroll: true });
    if (document.activeElement !== e && !e.disabled && e.type !== 'hidden') say(e, 'cannot have the focus');
  }
  document.activeElement.blur();
  for (const e of document.querySelectorAll('svg')) if (!e.closest('[aria-hidden]') && !e.querySelector(':scope > title')) say(e, 'a picture without a name');
  for (const e of all('table')) if (!e.querySelector('th[scope]')) say(e, 'a table without headings');
  for (const e of all('progress')) if (!e.getAttribute('aria-label')) say(e, 'no name');
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('it is ' + document.documentElement.scrollWidth + ' wide on ' + innerWidth);

  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = new Set();
  for (let n = words.nextNode(); n; n = words.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || seen.has(e) || !shown(e) || e.closest('svg, noscript, :disabled')) continue;
    seen.add(e);
    const a = light(rgba(getComputedStyle(e).color)), b = light(ground(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) say(e, 'contrast ' + ratio.toFixed(2));
  }
  if (seen.size < 20) wrong.push('only ' + seen.size + ' texts were looked at');
  return wrong;
})()`

// atStart runs a script in every page that is opened from now on, before its own.
func (b *browser) atStart(script string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.t.Fatal(err)
	}
}

// scriptOff makes pages be shown without their script. What the test itself asks
// still runs.
func (b *browser) scriptOff() {
	b.t.Helper()
	b.still = true
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
}

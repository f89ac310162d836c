// Fetches the changing part of a page at an event, and now and then, and puts what
// differs in its place. What has the focus, what is open and what is typed stay.
(() => {
  const by = (id) => document.getElementById(id), live = by('live'), status = by('status'), fresh = by('fresh');
  if (!live || !live.dataset.events) return;
  const url = new URL(location.pathname + location.search, location.origin);
  url.searchParams.delete('answer');
  url.searchParams.set('fragment', '1');
  let etag = '', last = 0, timer = 0, busy = false, again = false, lost = false;
  let skew = Date.parse(fresh.querySelector('time').dateTime) - Date.now(); // of this machine's clock

  const announce = (text) => { if (text && status.textContent !== text) status.textContent = text; };
  const sync = (a, b) => {
    if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return a.replaceWith(b);
    if (a.nodeType !== 1) { if (a.data !== b.data) a.data = b.data; return; }
    for (const { name } of [...a.attributes]) if (name !== 'open' && !b.hasAttribute(name)) a.removeAttribute(name);
    for (const { name, value } of b.attributes) if (name !== 'open' && a.getAttribute(name) !== value) a.setAttribute(name, value);
    const want = [...b.childNodes];
    want.forEach((w, i) => {
      let have = a.childNodes[i];
      if (w.id && (!have || have.id !== w.id)) {
        const known = [...a.children].find((c) => c.id === w.id);
        a.insertBefore(known || w, have || null);
        if (!known) return;
        have = known;
      }
      if (!have) a.append(w);
      else if (have.id && have.id !== w.id) a.insertBefore(w, have);
      else sync(have, w);
    });
    while (a.childNodes.length > want.length) a.lastChild.remove();
  };
  const put = (html) => {
    const page = new DOMParser().parseFromString(html, 'text/html').getElementById('page'), old = by('page');
    if (!page || !old) return;
    const focus = document.activeElement?.id, say = page.dataset.say, said = old.dataset.say;
    sync(old, page);
    if (focus && document.activeElement.id !== focus) by(focus)?.focus({ preventScroll: true });
    document.title = old.dataset.title;
    if (say !== said) announce(say);
    tick();
  };
  const refresh = async () => {
    timer = 0;
    if (busy) { again = true; return; }
    busy = true;
    last = Date.now();
    try {
      const r = await fetch(url, { headers: etag ? { 'If-None-Match': etag } : {} });
      skew = Date.parse(r.headers.get('Date')) - Date.now();
      if (r.status === 200) { etag = r.headers.get('ETag') || ''; put(await r.text()); }
      else if (r.status !== 304) throw 0;
      if (lost) { lost = false; announce('The connection is back.'); }
      fresh.textContent = 'Live, as of ' + new Date(Date.now() + skew).toISOString().slice(11, 19) + '.';
      document.body.classList.remove('lost');
    } catch {
      if (!lost) { lost = true; announce('The connection is lost: this may be old.'); }
      document.body.classList.add('lost');
    }
    busy = false;
    if (again) { again = false; soon(); }
  };
  const soon = () => { if (!timer && !document.hidden) timer = setTimeout(refresh, Math.max(0, last + 1000 - Date.now())); };
  const span = (s) => s < 60 ? s + 's' : s < 3600 ? Math.floor(s / 60) + 'm ' + s % 60 + 's' : Math.floor(s / 3600) + 'h ' + Math.floor(s % 3600 / 60) + 'm';
  const tick = () => document.querySelectorAll('[data-until]').forEach((e) => {
    const left = Math.round((Date.parse(e.dataset.until) - Date.now() - skew) / 1000);
    const text = left > 0 ? 'in ' + span(left) : 'over';
    if (e.textContent !== text) e.textContent = text;
  });

  const events = new EventSource(new URL(live.dataset.events, location.origin));
  live.dataset.kinds.split(' ').forEach((kind) => events.addEventListener(kind, soon));
  events.onopen = soon;
  document.addEventListener('visibilitychange', soon);
  document.addEventListener('submit', (e) => setTimeout(() => e.target.querySelectorAll('button').forEach((b) => b.disabled = true)));
  setInterval(tick, 1000);
  setInterval(soon, 10000);
})();

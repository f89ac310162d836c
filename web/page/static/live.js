// Fetches the changing part of a page at an event, and now and then, and puts what
// differs in its place. What has the focus, what is open and what is typed stay.
(() => {
  const by = (id) => document.getElementById(id), live = by('live'), status = by('status'), fresh = by('fresh');
  if (!live || !live.dataset.events) return;
  const url = new URL(location.pathname + location.search, location.origin);
  url.searchParams.delete('answer');
  url.searchParams.set('fragment', '1');
  let etag = '', last = 0, timer = 0, busy = false, again = false, lost = false, events = null, sent = 0, settled = 0;
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
  // Buttons that were another a moment ago take no click: it was meant for what stood there.
  const buttons = () => [...document.querySelectorAll('form.act .buttons')].map((list) => list.textContent).join();
  const settle = () => document.querySelectorAll('form.act').forEach((form) => form.classList.toggle('settling', Date.now() < settled));
  document.addEventListener('click', (e) => {
    if (Date.now() < settled && e.target.closest('form.act button')) { e.preventDefault(); announce('The buttons have just changed: look again.'); }
  }, true);
  const put = (html) => {
    const page = new DOMParser().parseFromString(html, 'text/html').getElementById('page'), old = by('page');
    if (!page || !old) return;
    const focus = document.activeElement?.id, say = page.dataset.say, said = old.dataset.say, offered = buttons();
    sync(old, page);
    if (buttons() !== offered) { settled = Date.now() + 1000; setTimeout(settle, 1010); }
    settle();
    if (focus && document.activeElement.id !== focus) by(focus)?.focus({ preventScroll: true });
    document.title = old.dataset.title;
    if (say !== said) announce(say);
    tick();
  };
  const refresh = async () => {
    timer = 0;
    if (busy) { again = true; return; }
    if (Date.now() < sent) return; // the answer to a form is on its way
    busy = true;
    last = Date.now();
    try {
      const r = await fetch(url, { headers: etag ? { 'If-None-Match': etag } : {}, signal: AbortSignal.timeout(8000) });
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

  // A browser opens few connections to one host: a page that nobody looks at gives its own back.
  const follow = () => {
    if (document.hidden) { events?.close(); events = null; return; }
    if (events && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource(new URL(live.dataset.events, location.origin));
    live.dataset.kinds.split(' ').forEach((kind) => events.addEventListener(kind, soon));
    events.onopen = soon;
  };
  follow();
  document.addEventListener('visibilitychange', () => { follow(); soon(); });
  document.addEventListener('submit', (e) => {
    sent = Date.now() + 5000;
    setTimeout(() => e.target.querySelectorAll('button').forEach((b) => b.disabled = true));
  });
  setInterval(tick, 1000);
  setInterval(() => { follow(); soon(); }, 10000);
})();

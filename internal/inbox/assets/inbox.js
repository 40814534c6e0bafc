// The pages work without this script; with it they stay up to date, take files
// by drop and paste, and can be used with a few keys.
"use strict";
(() => {
  const page = document.body.dataset;
  const byID = (id) => document.getElementById(id);
  const ours = { headers: { "X-Inbox": "1" } };

  // Times are shown in the zone of the browser.
  const localise = (root) => {
    const today = new Date().toDateString();
    for (const el of root.querySelectorAll("time[datetime]")) {
      const at = new Date(el.dateTime);
      el.title = at.toLocaleString(document.documentElement.lang);
      el.textContent = at.toDateString() === today
        ? at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" })
        : at.toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" });
    }
  };
  // As the server wrote them, so that a refresh sees what has changed.
  for (const li of document.querySelectorAll("li.message")) li.raw = li.outerHTML;
  localise(document);
  // Of a drawing that is wider than the screen the newest days are shown first.
  for (const drawing of document.querySelectorAll(".wider > svg")) drawing.parentElement.scrollLeft = drawing.parentElement.scrollWidth;
  if (!page.path) return;

  const fetchPiece = async (address) => {
    const answer = await fetch(address, ours);
    if (answer.status === 401) location.assign(page.path + "login");
    return answer.ok ? answer.text() : null;
  };

  const rows = byID("rows");
  const refreshList = async () => {
    const query = new URLSearchParams(location.search);
    query.delete("before");
    if (page.conversation) query.set("open", page.conversation);
    const html = await fetchPiece(page.path + "list?" + query);
    if (html === null) return;
    const focused = rows.contains(document.activeElement) && document.activeElement.dataset;
    rows.innerHTML = html;
    localise(rows);
    if (focused.id) rows.querySelector(`a[data-id="${focused.id}"]`)?.focus();
    else if ("tab" in (focused || {})) rows.querySelector(`a[data-tab="${focused.tab}"]`)?.focus();
    document.dispatchEvent(new Event("inbox:rows"));
  };

  const timeline = byID("timeline"), scroll = byID("scroll");
  const atEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  const toEnd = () => { scroll.scrollTop = scroll.scrollHeight; };
  // What is fetched counts as read; so a conversation is marked as unread only
  // when no fetch is under way any more.
  let reading = Promise.resolve(), leaving = false;
  byID("labels")?.addEventListener("submit", async (e) => {
    if (!e.target.querySelector("#unread")) return;
    e.preventDefault();
    leaving = true;
    await reading;
    byID("unread").form.submit(); // news may have drawn another one meanwhile
  });
  const refreshTimeline = async (follow) => {
    if (leaving || new URLSearchParams(location.search).has("before")) return;
    const piece = fetchPiece(`${page.path}c/${page.conversation}/timeline`);
    reading = Promise.allSettled([reading, piece]);
    const html = await piece;
    if (html === null) return;
    const stay = follow || atEnd();
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    // What did not change stays where it is: a player goes on, a fold stays open.
    const list = timeline.querySelector("ol"), known = new Map([...list.children].map((li) => [li.id, li]));
    let at = list.firstElementChild;
    for (const li of [...fresh.querySelector("ol").children]) {
      const raw = li.outerHTML, old = known.get(li.id);
      if (old && old === at) at = at.nextElementSibling;
      if (old && old.raw === raw) { if (old.nextElementSibling !== at) list.insertBefore(old, at); continue; }
      if (old) {
        const folds = li.querySelectorAll("details");
        old.querySelectorAll("details").forEach((d, i) => { if (d.open && folds[i]) folds[i].open = true; });
        old.remove();
      }
      li.raw = raw;
      localise(li);
      list.insertBefore(li, at);
    }
    const line = timeline.querySelector(".window"), now = fresh.querySelector(".window");
    if (line && now) line.replaceWith(now);
    while (at) { const next = at.nextElementSibling; at.remove(); at = next; }
    if (stay) toEnd();
  };
  if (timeline) {
    // Pictures grow when they come: who is at the end stays there.
    let end = true;
    scroll.addEventListener("scroll", () => { end = atEnd(); });
    timeline.addEventListener("load", (e) => { if (end && e.target.tagName === "IMG") toEnd(); }, true);
    const aim = location.hash && byID(location.hash.slice(1)); // a message that was searched for
    if (aim) aim.scrollIntoView({ block: "center" }); else toEnd();
    refreshTimeline(!aim);
  }

  // Several pieces of news at once ask for one refresh.
  const soon = (f, wait = 100) => {
    let due = 0, running = false;
    const run = async () => {
      due = 0;
      if (running) { due = setTimeout(run, 200); return; }
      running = true;
      try { await f(); } catch { /* the stream says when the server is back */ } finally { running = false; }
    };
    return () => { if (!due) due = setTimeout(run, wait); };
  };
  const listSoon = soon(refreshList), timelineSoon = soon(() => refreshTimeline(false));
  const light = byID("live");
  let stream = null, cursor = page.cursor;
  const listen = () => {
    stream = new EventSource(`${page.path}live?after=${cursor}`);
    stream.onopen = () => { light.textContent = ""; };
    stream.onerror = () => {
      light.textContent = light.dataset.lost;
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { if (!document.hidden) listen(); listSoon(); }, 5000);
    };
    stream.onmessage = (event) => {
      cursor = event.lastEventId;
      const news = JSON.parse(event.data);
      listSoon();
      document.dispatchEvent(new CustomEvent("inbox:news", { detail: news }));
      const about = (n) => n.conversation === page.conversation || n.customer === page.customer || n.type.startsWith("customer.");
      if (timeline && news.some(about)) timelineSoon();
    };
  };
  // A browser keeps six connections to a server; pages that nobody sees must
  // not hold them all.
  document.addEventListener("visibilitychange", () => {
    stream.close();
    if (!document.hidden) { listen(); listSoon(); }
  });
  listen();
  setInterval(() => { if (!document.hidden) listSoon(); }, 60000); // waiting times grow

  const box = byID("box");
  if (box) {
    const text = box.elements.text, refused = byID("refused"), files = byID("files");
    const complain = (words) => { refused.textContent = words; refused.hidden = !words; };
    const preview = soon(async () => {
      const answer = await fetch(box.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(box)), ...ours });
      if (answer.ok) byID("preview").innerHTML = await answer.text();
    }, 300);
    box.addEventListener("input", preview);
    box.addEventListener("change", () => { box.classList.toggle("as-note", box.elements.note.checked); preview(); });

    const keep = (file) => {
      const li = document.createElement("li"), id = document.createElement("input"), drop = document.createElement("button");
      Object.assign(id, { type: "hidden", name: "file", value: file.id });
      Object.assign(drop, { type: "button", textContent: `📎 ${file.name} (${file.size}) ✕`, title: box.dataset.remove });
      drop.addEventListener("click", () => { li.remove(); preview(); text.focus(); });
      li.append(id, drop);
      files.append(li);
      preview();
    };
    const attach = async (list) => {
      for (const file of list) {
        const answer = await fetch(`${page.path}file?name=${encodeURIComponent(file.name)}`,
          { method: "POST", body: file, headers: { "X-Inbox": "1", "Content-Type": file.type || "application/octet-stream" } });
        if (answer.ok) keep(await answer.json());
        else complain(`${box.dataset.failed} ${file.name}. ${await answer.text()}`);
      }
    };
    // What failed by one channel is put into the box, for another one.
    document.body.classList.toggle("several", box.elements.channel.options.length > 1);
    document.addEventListener("click", (e) => {
      const part = e.target.closest?.(".elsewhere")?.closest(".retry").previousElementSibling;
      if (!part) return;
      const words = part.querySelector(".text")?.textContent;
      if (words) text.value = words;
      const file = part.querySelector("[data-file]")?.dataset;
      if (file) keep({ id: file.file, name: file.name, size: file.size });
      preview();
      box.elements.channel.focus();
    });
    byID("pick").addEventListener("change", (e) => { attach([...e.target.files]); e.target.value = ""; });
    box.addEventListener("paste", (e) => { if (e.clipboardData.files.length) { e.preventDefault(); attach([...e.clipboardData.files]); } });
    box.addEventListener("dragover", (e) => { e.preventDefault(); box.classList.add("drop"); });
    box.addEventListener("dragleave", () => box.classList.remove("drop"));
    box.addEventListener("drop", (e) => { e.preventDefault(); box.classList.remove("drop"); attach([...e.dataTransfer.files]); });

    let sending = false;
    box.addEventListener("submit", async (e) => {
      e.preventDefault();
      if (sending) return;
      sending = true;
      complain("");
      try {
        const answer = await fetch(box.action, { method: "POST", body: new URLSearchParams(new FormData(box)), ...ours });
        if (!answer.ok) { complain(await answer.text()); return; }
        const note = box.elements.note.checked;
        box.reset();
        box.classList.remove("as-note");
        files.replaceChildren();
        byID("preview").replaceChildren();
        // A new key, since the next answer is another one.
        box.elements.key.value = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
        if (note) text.focus();
        refreshTimeline(true);
      } catch {
        complain(light.dataset.lost); // the key stays: sending again is safe
      } finally { sending = false; }
    });
    text.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) box.requestSubmit();
      if (e.key === "Escape") { text.blur(); scroll.focus(); }
    });
  }

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
    const links = [...rows.querySelectorAll("a[data-id]")];
    const here = links.findIndex((a) => a === document.activeElement);
    const start = here >= 0 ? here : links.findIndex((a) => a.hasAttribute("aria-current"));
    const act = {
      j: () => links[Math.min(start + 1, links.length - 1)]?.focus(),
      k: () => links[Math.max(start - 1, 0)]?.focus(),
      r: () => box?.elements.text.focus(),
      c: () => byID("state")?.querySelector("button").click(),
      "/": () => document.querySelector("input[type=search]")?.focus(),
    }[e.key];
    if (act) { e.preventDefault(); act(); }
  });
})();

// The phone works without this script; with it messages arrive by themselves,
// and what arrives elsewhere is announced at the top.
"use strict";
(() => {
  const piece = document.getElementById("piece"), notice = document.getElementById("notice"), now = document.querySelector(".now");
  const lang = document.documentElement.lang, ours = { headers: { "X-Phone": "1" } };
  const clock = (at) => at.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
  const localise = () => { for (const el of piece.querySelectorAll("time[datetime]")) el.textContent = clock(new Date(el.dateTime)); };
  const toEnd = () => { piece.scrollTop = piece.scrollHeight; };
  const tick = () => { now.textContent = clock(new Date()); };
  tick();
  setInterval(tick, 10000);
  localise();
  const chat = document.body.classList.contains("chat");
  if (chat) toEnd();

  let shown = null, busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      do {
        again = false;
        const answer = await fetch(location.pathname, ours);
        if (!answer.ok) break;
        const html = await answer.text();
        if (html === shown) continue;
        shown = html;
        const focused = piece.contains(document.activeElement) && document.activeElement.getAttribute("href");
        piece.innerHTML = html;
        localise();
        if (focused) piece.querySelector(`a[href="${focused}"]`)?.focus();
        if (chat) {
          const subject = piece.querySelector(".log").dataset.subject, field = document.querySelector("[name=subject]");
          if (field && subject && document.activeElement !== field) field.value = subject;
          toEnd();
          for (const img of piece.querySelectorAll("img")) img.addEventListener("load", toEnd);
        }
      } while (again);
    } catch { /* the stream comes back with the demo */ } finally { busy = false; }
  };

  let hide = 0;
  const announce = (n) => {
    const path = `/phone/${n.owner}/${n.app}`;
    if (location.pathname === path) return;
    const link = document.createElement("a"), who = document.createElement("b");
    who.textContent = n.name;
    link.href = path;
    link.append(who, `: ${n.text}`);
    notice.replaceChildren(link);
    notice.hidden = false;
    clearTimeout(hide);
    hide = setTimeout(() => { notice.hidden = true; }, 5000);
  };

  let stream = null, cursor = "";
  const listen = () => {
    stream = new EventSource("/phone/live" + (cursor && `?after=${cursor}`));
    stream.onmessage = (e) => {
      cursor = e.lastEventId;
      const t = JSON.parse(e.data);
      t.news.forEach(announce);
      if (parent !== window) parent.postMessage({ unread: t.unread }, location.origin);
      refresh();
    };
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      const words = document.createElement("p");
      words.textContent = document.body.dataset.lost;
      notice.replaceChildren(words);
      notice.hidden = false;
    };
  };
  // A browser keeps six connections to a server; phones that nobody sees must
  // not hold them.
  document.addEventListener("visibilitychange", () => { stream.close(); if (!document.hidden) listen(); });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (e) => { if (e.persisted) listen(); });
  listen();

  const form = document.querySelector("form.compose");
  if (!form) return;
  const text = form.elements.text, picture = form.elements.picture, chosen = document.getElementById("chosen"), refused = document.getElementById("refused");
  const complain = (words) => { refused.textContent = words; refused.hidden = !words; };
  picture?.addEventListener("change", () => {
    chosen.textContent = picture.files.length ? picture.files[0].name : "";
    chosen.hidden = !picture.files.length;
  });
  form.addEventListener("paste", (e) => {
    if (!picture || !e.clipboardData.files.length) return;
    e.preventDefault();
    picture.files = e.clipboardData.files;
    picture.dispatchEvent(new Event("change"));
  });
  const grow = () => { text.style.height = "auto"; text.style.height = `${text.scrollHeight + 2}px`; };
  text.addEventListener("input", grow);
  text.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing && (e.ctrlKey || !document.body.classList.contains("mail"))) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  let sending = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (sending) return;
    sending = true;
    complain("");
    const body = new FormData(form), words = text.value;
    text.value = "";
    grow();
    try {
      const answer = await fetch(form.action, { method: "POST", body, ...ours });
      if (!answer.ok) { complain(await answer.text()); text.value = words; grow(); return; }
      if (picture) { picture.value = ""; picture.dispatchEvent(new Event("change")); }
    } catch {
      complain(document.body.dataset.lost);
      text.value = words;
    } finally {
      sending = false;
      text.focus();
    }
  });
})();

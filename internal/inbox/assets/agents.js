// What agents tell each other: who has a conversation, its tags, and what is
// unread. inbox.js tells of what happened by events on the document.
"use strict";
(() => {
  const page = document.body.dataset;
  document.documentElement.classList.add("scripted");
  if (!page.path) return;
  const ours = { headers: { "X-Inbox": "1" } };
  const byID = (id) => document.getElementById(id);

  // The title counts what is unread, as the server wrote it at first.
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  document.addEventListener("inbox:rows", () => {
    const unread = document.querySelector("#rows [data-unread]")?.dataset.unread;
    document.title = unread && unread !== "0" ? `(${unread}) ${bare}` : bare;
  });

  const labels = byID("labels");
  if (!labels) return;

  let turn = 0;
  const refresh = async () => {
    const mine = ++turn;
    const answer = await fetch(labels.dataset.piece, ours);
    const html = answer.ok && await answer.text();
    if (!html || mine !== turn) return; // a later one knows more
    const focused = document.activeElement, name = labels.contains(focused) ? focused.name : "";
    const typed = labels.querySelector("[name=add]").value;
    labels.innerHTML = html;
    const input = labels.querySelector("[name=add]");
    input.value = typed;
    if (name) (name === "add" || name === "remove" ? input : labels.querySelector(`[name="${name}"]`))?.focus();
  };
  const complain = (words) => {
    const place = labels.querySelector("[data-complaint]");
    place.textContent = words;
    place.hidden = !words;
  };

  labels.addEventListener("submit", async (e) => {
    if (!("quiet" in e.target.dataset)) return;
    e.preventDefault();
    const answer = await fetch(e.target.action, { method: "POST", body: new URLSearchParams(new FormData(e.target, e.submitter)), ...ours })
      .catch(() => null);
    if (!answer) { complain(byID("live").dataset.lost); return; }
    if (!answer.ok) { complain(await answer.text()); return; }
    if (e.target.elements.add) labels.querySelector("[name=add]").value = ""; // which may be another one by now
    await refresh();
  });
  labels.addEventListener("change", (e) => {
    if ("now" in e.target.dataset) {
      e.target.form.requestSubmit();
    }
  });
  // What a colleague closed can be opened here, and the other way round.
  const state = byID("state")?.querySelector("button");
  const turnTo = { "conversation.opened": ["closed", "open"], "conversation.closed": ["open", "closed"] };
  document.addEventListener("inbox:news", (e) => {
    for (const n of e.detail) {
      if (!state || n.conversation !== page.conversation || !turnTo[n.type]) continue;
      const [to, is] = turnTo[n.type];
      state.value = to;
      state.textContent = state.form.dataset[is];
    }
    if (e.detail.some((n) => n.conversation === page.conversation && n.type.startsWith("conversation."))) refresh().catch(() => {});
  });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
    const button = { a: "mine", u: "unread" }[e.key];
    if (button) { e.preventDefault(); byID(button)?.click(); }
  });
})();

// Canned answers: typed as "/name" in the answer box, or taken from a menu.
"use strict";
(() => {
  const menu = document.getElementById("canned"), box = document.getElementById("box");
  if (!menu) return;
  const text = box.elements.text, opener = document.getElementById("canned-open");
  const name = /(?:^|\s)\/([\p{L}\p{N}_-]*)$/u;
  let all = [], loaded = 0, from = -1, chosen = 0;

  const load = async () => {
    if (Date.now() - loaded < 30000) return;
    const answer = await fetch(menu.dataset.source, { headers: { "X-Inbox": "1" } }).catch(() => null);
    if (answer?.ok) { all = await answer.json(); loaded = Date.now(); }
  };
  const close = () => {
    menu.hidden = true;
    text.removeAttribute("aria-activedescendant");
    opener.setAttribute("aria-expanded", "false");
  };
  const mark = (n) => {
    const options = [...menu.querySelectorAll("[data-text]")];
    chosen = (n + options.length) % Math.max(options.length, 1);
    options.forEach((o, i) => o.setAttribute("aria-selected", i === chosen));
    options[chosen]?.scrollIntoView({ block: "nearest" });
    if (options[chosen]) text.setAttribute("aria-activedescendant", options[chosen].id);
  };
  const show = (list) => {
    menu.replaceChildren(...list.slice(0, 50).map((one, i) => {
      const li = document.createElement("li"), b = document.createElement("b");
      b.textContent = `/${one.name}`;
      li.append(b, ` ${one.text.slice(0, 90)}`);
      li.dataset.text = one.text;
      li.id = `canned-${i}`;
      li.setAttribute("role", "option");
      return li;
    }));
    if (!list.length) {
      const li = document.createElement("li");
      li.textContent = menu.dataset.none;
      li.setAttribute("role", "option");
      li.setAttribute("aria-disabled", "true");
      menu.append(li);
    }
    menu.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    mark(0);
  };
  const insert = (option) => {
    if (!option?.dataset.text) return;
    text.setRangeText(option.dataset.text, from < 0 ? text.selectionStart : from, text.selectionEnd, "end");
    close();
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const typed = () => {
    const before = text.value.slice(0, text.selectionStart).match(name);
    if (!before) { if (from >= 0) close(); from = -1; return; }
    from = text.selectionStart - before[1].length - 1;
    const list = all.filter((one) => one.name.startsWith(before[1].toLowerCase()));
    if (list.length) show(list); else close();
  };

  text.addEventListener("focus", load);
  text.addEventListener("input", async () => { await load(); typed(); });
  text.addEventListener("blur", () => setTimeout(() => { if (!menu.contains(document.activeElement) && document.activeElement !== opener) close(); }, 150));
  text.addEventListener("keydown", (e) => {
    if (menu.hidden || e.ctrlKey || e.metaKey || e.isComposing) return;
    const act = {
      ArrowDown: () => mark(chosen + 1), ArrowUp: () => mark(chosen - 1), Escape: close,
      Enter: () => insert(menu.querySelectorAll("[data-text]")[chosen]), Tab: () => insert(menu.querySelectorAll("[data-text]")[chosen]),
    }[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    act();
  }, true);
  menu.addEventListener("mousedown", (e) => e.preventDefault()); // the box keeps the focus
  menu.addEventListener("click", (e) => insert(e.target.closest("[role=option]")));
  opener.addEventListener("click", async () => {
    if (!menu.hidden) { close(); return; }
    await load();
    from = -1;
    text.focus();
    show(all);
  });
})();

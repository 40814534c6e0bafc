// In a narrow window the inbox and the phone take turns; the phone tells how
// much waits on it.
"use strict";
(() => {
  const buttons = [...document.querySelectorAll("nav button")], badge = document.getElementById("badge");
  const show = (what) => {
    document.body.classList.toggle("show-phone", what === "phone");
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.show === what));
  };
  for (const b of buttons) b.addEventListener("click", () => show(b.dataset.show));
  const hints = document.querySelector("details");
  const away = (e) => { if (!(e.target instanceof Node && hints.contains(e.target))) hints.open = false; };
  document.addEventListener("click", away);
  addEventListener("blur", away); // into one of the frames
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") hints.open = false; });
  addEventListener("message", (e) => {
    if (e.origin !== location.origin || typeof e.data?.unread !== "number") return;
    badge.textContent = e.data.unread;
    badge.hidden = e.data.unread === 0;
  });
})();

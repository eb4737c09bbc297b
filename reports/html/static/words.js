// "What is this?": a button beside a term of the glossary shows what it means.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, prose } = editproof;
  let meanings = {};

  const box = el("div", { class: "word", popover: "auto", role: "note" });
  document.body.append(box);

  function show(button) {
    const { term } = button.dataset;
    box.replaceChildren(el("b", null, term), el("p", null, prose(meanings[term] ?? "")));
    box.showPopover();
    const place = button.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(innerWidth - box.offsetWidth - 8, place.left))}px`;
    box.style.top = `${place.bottom + box.offsetHeight + 12 < innerHeight ? place.bottom + 6 : Math.max(8, place.top - box.offsetHeight - 6)}px`;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".what");
    if (button) show(button);
  });
  addEventListener("scroll", () => { if (box.matches(":popover-open")) box.hidePopover(); }, { passive: true });

  editproof.words = (said) => { meanings = said; };
  editproof.what = (term) => (Object.hasOwn(meanings, term) ? el("button", { type: "button", class: "what", "data-term": term, "aria-label": `${term}: what is this?` }, "?") : null);
})();

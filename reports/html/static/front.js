// The front page: hidden while a case is looked at, and found again where it was left.
"use strict";

(() => {
  const { state, list } = editproof;
  const front = document.getElementById("front");
  let left = null; // the case that covers the front page, where one does
  let top = 0;

  state.subscribe(({ case: id }) => {
    if (id && left === null) {
      top = scrollY;
      front.hidden = true;
      document.body.classList.add("viewing");
    } else if (!id && left !== null) {
      front.hidden = false;
      document.body.classList.remove("viewing");
      if (list?.ready()) list.focus(left);
      scrollTo({ top, behavior: "instant" });
    }
    left = id ?? null;
  });

  // A link to a filtered list, or to the gallery, shows it at once, with the keyboard on it.
  document.addEventListener("DOMContentLoaded", () => {
    const now = state.get();
    if (now.case || !Object.keys(now).length || !list?.ready()) return;
    document.getElementById("cases").scrollIntoView({ behavior: "instant" });
    list.enter();
  });

  // Charts wait for the list, and no longer: whoever takes a picture of the whole page has all of them.
  const idle = window.requestIdleCallback ?? ((run) => setTimeout(run, 50));
  addEventListener("load", () => idle(() => {
    for (const chart of document.querySelectorAll(".chart img[loading=lazy]")) chart.loading = "eager";
  }));

  // Filters that stand on the page lead to the list; sections are scrolled to without losing the filters.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const fragment = link.getAttribute("href").slice(1);
    const target = document.getElementById(fragment);
    if (target && !fragment.includes("=")) {
      event.preventDefault();
      if (state.get().case) state.set({ case: "" });
      target.scrollIntoView();
      target.focus({ preventScroll: true });
    } else if (link.dataset.filter !== undefined) {
      event.preventDefault();
      const wanted = Object.fromEntries(new URLSearchParams(fragment));
      state.set({ family: "", model: "", seed: "", status: "", worse: "", finding: "", broke: "", q: "", ...wanted }, { push: true });
      document.getElementById("cases").scrollIntoView();
    } else if (fragment.includes("case=")) {
      event.preventDefault();
      state.set(Object.fromEntries(new URLSearchParams(fragment)), { push: true });
    }
  });
})();

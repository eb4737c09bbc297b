// The small picture of a case: what it was, and what it is now. Of cases without a strip on the disk, the pictures themselves.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, caseModel: model } = editproof;
  const WORDS = { input: "input", accepted: "baseline", expected: "expected", actual: "this run" };

  // What a case's strip shows, from the left, in words; empty: it has none.
  const words = (row) => model.word("strip", row).split(" ").filter(Boolean).map((kind) => WORDS[kind]);

  // Fills a holder with the strip of a row of the model.
  function fill(holder, row) {
    const id = model.id(row);
    if (holder.dataset.id === id) return;
    holder.dataset.id = id;
    const shown = words(row);
    if (shown.length) {
      holder.style.setProperty("--cuts", shown.length);
      holder.replaceChildren(el("img", { src: editproof.url(`strips/${model.page(row)}.webp`), alt: shown.join(", "), decoding: "async", draggable: "false" }));
    } else {
      holder.replaceChildren();
      pictures(holder, id);
    }
  }

  async function pictures(holder, id) {
    const told = await editproof.caseFiles.load(id).catch(() => null);
    if (!told || holder.dataset.id !== id) return;
    const { pictures: found } = told;
    const places = [found.baseline ?? found.expected, found.actual].filter(Boolean);
    const chosen = places.length ? places : [found.input].filter(Boolean);
    holder.style.setProperty("--cuts", Math.max(1, chosen.length));
    holder.replaceChildren(...chosen.map((place) => el("img", { src: editproof.url(place[0]), alt: "", loading: "lazy", decoding: "async", draggable: "false" })));
  }

  editproof.strip = { fill, words };
})();

// The last nights of a case, a mark a night: a dot where it was well, a bar where it was not, nothing where it was not run.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, svg } = editproof;
  const STEP = 4; // px from night to night
  const HEIGHT = 8;
  const SHAPES = { good: `v.01`, warn: `m0-2v4`, bad: `m0-3v6` };
  const MOST_NAMED = 3; // nights

  let known = null;

  const endings = (id) => [...(known?.cases[id] ?? "")];

  // `27 nights unchanged, 2 regressed (2026-11-03, 2026-11-09)`: what is well is counted, all else has its days, too.
  function describe(id) {
    const days = {};
    endings(id).forEach((letter, at) => { if (letter in known.words) (days[letter] ??= []).push(known.days[at]); });
    return Object.entries(days).map(([letter, own]) => {
      const [word, tone] = known.words[letter];
      const named = tone === "good" ? "" : ` (${own.slice(-MOST_NAMED).join(", ")}${own.length > MOST_NAMED ? ", …" : ""})`;
      return `${own.length} ${word.toLowerCase()}${named}`;
    }).join(", ");
  }

  function draw(id) {
    const letters = endings(id);
    const paths = Object.keys(SHAPES).map((tone) => {
      const marks = letters.map((letter, at) => (known.words[letter]?.[1] === tone ? `M${at * STEP + STEP / 2} ${HEIGHT / 2}${SHAPES[tone]}` : "")).join("");
      return marks && svg("path", { class: "mark", "data-tone": tone, d: marks });
    });
    const width = known.days.length * STEP;
    return svg("svg", { class: "nights", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": `Last nights: ${describe(id)}` }, paths);
  }

  editproof.setNights = (data) => { known = data; };

  editproof.nights = {
    // A place in a line of the list, which `fill` gives the nights of a case.
    make: () => known && el("span", { class: "of-nights" }),
    fill(place, id) {
      if (!place || place.dataset.id === id) return;
      place.dataset.id = id;
      place.title = endings(id).length ? `Last nights: ${describe(id)}` : "";
      place.replaceChildren(...(endings(id).length ? [draw(id)] : []));
    },
    // What the viewer says; null: no night has the case.
    about(id) {
      if (!endings(id).length) return null;
      return el("p", { class: "v-nights" }, draw(id), ` Last ${known.days.length === 1 ? "night" : `${known.days.length} nights`}: ${describe(id)}. `,
        known.page && el("a", { href: known.page }, "The suite’s nights"));
    },
  };
})();

// What the keys and buttons of the viewer do, and the list of them.
"use strict";

(() => {
  const { el, state, caseFacts: facts, heat } = editproof;
  const { OWN, MODES, AMOUNTS, REGIONS } = editproof.viewerState;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // `look` gives what is shown now: told, seen, camera, shownSide. The rest moves, and `said` tells.
  editproof.viewerKeys = (section, look, { step, see, zoomBy, pan, jump, jumpArea, toggleRegion, said }) => {
    const $ = (selector) => section.querySelector(selector);
    const box = $(".v-panes");
    const keys = $(".v-keys");

    async function copy() {
      const link = location.href.replace(/#.*$/, "") + state.link();
      try {
        await navigator.clipboard.writeText(link);
        said("Link copied.");
      } catch {
        said(`Copy this link: ${link}`);
      }
      setTimeout(() => { if ($(".v-message").textContent === "Link copied.") said(""); }, 2500);
    }

    function back() {
      state.set(Object.fromEntries(OWN.map((key) => [key, ""])), { push: true });
    }

    function nextOf(list, value, by) {
      return list.length ? list[(list.indexOf(value) + by + list.length) % list.length] : "";
    }

    function amountBy(way) {
      const { seen } = look();
      const amount = AMOUNTS[seen.mode];
      if (!amount) return;
      const [key, , least, most] = amount;
      const by = key === "rate" ? 0.5 : 5;
      state.set({ [key]: Math.min(most, Math.max(least, seen[key] + way * by)) });
    }

    function choose(side, kind) {
      if (look().told.pictures[kind]) state.set({ [side]: kind, stage: "" });
    }

    function stageBy(by) {
      const { told, seen } = look();
      const list = ["", ...facts.stageKeys(told.stages).filter((_, at) => told.stages[at].picture)];
      state.set({ stage: nextOf(list, seen.stage, by), mode: ["all", "heat"].includes(seen.mode) ? "side" : seen.mode });
    }

    function metricBy(by) {
      const { told, seen } = look();
      const list = heat.metricsOf(told);
      if (list.length) state.set({ mode: "heat", metric: seen.mode === "heat" ? nextOf(list, seen.metric, by) : seen.metric });
    }

    function toggleCursor() {
      const { camera, seen } = look();
      const [height, width] = camera.size;
      const at = camera.zoom === null ? [height / 2, width / 2] : [camera.y, camera.x];
      state.set({ cursor: seen.cursor ? "" : at.map(Math.floor).join(",") });
    }

    const flip = () => state.set({ still: look().shownSide === "a" ? "b" : "a" });
    const pause = () => state.set({ still: look().seen.still ? (calm.matches ? "no" : "") : look().shownSide });
    const setMode = (mode) => { if (mode !== "heat" || heat.metricsOf(look().told).length) state.set({ mode }); };
    const all = () => Object.keys(look().told.outlines);
    const DO = {
      back, copy, flip, pause,
      leave: () => state.set({ stage: "" }),
      before: () => step(-1),
      after: () => step(1),
      keys: () => (keys.open ? keys.close() : keys.showModal()),
      out: () => zoomBy(1 / 1.5),
      in: () => zoomBy(1.5),
      fit: () => see({ ...look().camera, zoom: null }),
      one: () => see({ ...look().camera, zoom: 1 }),
      swap: () => state.set({ a: look().seen.b, b: look().seen.a }),
      cursor: toggleCursor,
      loupe: () => state.set({ loupe: look().seen.loupe ? "" : "1" }),
      regions: () => state.set({ regions: look().seen.regions.length ? "" : all().join(",") }),
      boxes: () => state.set({ boxes: look().seen.boxes ? "" : "1" }),
    };

    // Keys as they are listed, what they do, and the keys themselves.
    const KEYS = [
      ["How the pictures are compared", [
        ["1 … 7", "all, side by side, slider, blink, onion skin, ×16 difference, heat map", Object.fromEntries(MODES.map((mode, at) => [String(at + 1), () => setMode(mode)]))],
        ["b d h", "blink, difference, heat map", { b: () => setMode("blink"), d: () => setMode("diff"), h: () => setMode("heat") }],
        ["e p i", "A is expected, the baseline's picture, the input", { e: () => choose("a", "expected"), p: () => choose("a", "baseline"), i: () => choose("a", "input") }],
        ["x", "swap A and B", { x: DO.swap }],
        ["m M", "next, previous metric of the heat map", { m: () => metricBy(1), M: () => metricBy(-1) }],
        ["[ ]", "less, more: edge, rate, opacity", { "[": () => amountBy(-1), "]": () => amountBy(1) }],
        ["space f", "stop or start blinking; the other picture", { " ": () => { if (look().seen.mode === "blink") pause(); }, f: () => { if (look().seen.mode === "blink") flip(); } }],
      ]],
      ["Moving", [
        ["+ − 0", "zoom in, out, fit; also wheel, pinch, double click", { "+": DO.in, "=": DO.in, "-": DO.out, "−": DO.out, 0: DO.fit }],
        ["z", "one pixel of the screen for each pixel", { z: DO.one }],
        ["← ↑ → ↓", "move, or move the cursor; with Shift further", {
          ArrowLeft: (event) => pan(0, -1, event), ArrowRight: (event) => pan(0, 1, event), ArrowUp: (event) => pan(-1, 0, event), ArrowDown: (event) => pan(1, 0, event) }],
        ["J K", "next, previous area where B differs from A", { J: () => jumpArea(1), K: () => jumpArea(-1) }],
        ["w W", "next, previous worst window", { w: () => jump(look().seen.window + 1), W: () => jump(look().seen.window < 0 ? -1 : look().seen.window - 1) }],
      ]],
      ["Looking closer", [
        ["c", "cursor on or off: its pixel is read", { c: DO.cursor }],
        ["l", "loupe on or off", { l: DO.loupe }],
        ["r", "all regions on or off", { r: DO.regions }],
        ["E R P S B", "outline of edit, ring, protect, seams, border", Object.fromEntries(Object.entries(REGIONS).map(([region, label]) => [label[0], () => { if (look().told.outlines[region]) toggleRegion(region); }]))],
        ["v", "frames of the worst windows on or off", { v: DO.boxes }],
        ["t T", "next, previous stage", { t: () => stageBy(1), T: () => stageBy(-1) }],
      ]],
      ["Cases", [
        ["j k", "next, previous case of the list", { j: DO.after, k: DO.before }],
        ["y", "copy a link to what is shown", { y: copy }],
        ["Esc", "back to the list", { Escape: back }],
        ["?", "this list", { "?": DO.keys }],
      ]],
    ];
    const ACTS = Object.assign({}, ...KEYS.flatMap(([, rows]) => rows.map(([, , acts]) => acts)));
    const ALWAYS = ["Escape", "?", "j", "k"]; // also where a case could not be loaded

    $(".v-keylist").replaceChildren(...KEYS.map(([heading, rows]) => el("section", null, el("h3", null, heading),
      el("dl", null, rows.map(([label, what]) => el("div", null, el("dt", null, label.split(" ").map((key) => (key === "…" ? " … " : el("kbd", null, key)))), el("dd", null, what)))))));

    document.addEventListener("keydown", (event) => {
      if (section.hidden || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector(":popover-open")) return;
      const { told, seen, camera } = look();
      const act = ACTS[event.key];
      if (!act || (!told && !ALWAYS.includes(event.key))) return;
      if (keys.open) {
        if (event.key === "?") { event.preventDefault(); keys.close(); }
        return;
      }
      const { target } = event;
      if (target.matches("textarea, input:not([type=range], [type=checkbox])")) return;
      if (target.matches("select") && (event.key.length === 1 || event.key.startsWith("Arrow"))) return;
      if (target.matches("input") && (event.key.startsWith("Arrow") || event.key === " ")) return;
      if (event.key === " " && target.matches("button, a, summary")) return;
      if (event.key.startsWith("Arrow") && target !== box && !box.contains(target) && !seen.cursor && (target.closest(".v-scroll, pre, .v-strip") || camera.zoom === null)) return;
      event.preventDefault();
      act(event);
    });

    section.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do], button[data-mode]");
      if (!button) return;
      if (button.dataset.mode) setMode(button.dataset.mode);
      else DO[button.dataset.do]();
    });
  };
})();

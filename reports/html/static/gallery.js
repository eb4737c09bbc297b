// The gallery: the cases of the list as pictures, in groups if asked for (group: family, model, step or seed).
// As in the list, only the rows in sight are elements.
"use strict";

(() => {
  const { el, name, state, caseModel: model, strip } = editproof;
  const SPARE_PX = 400; // above and below what is in sight
  const HEADING_PX = 44;
  const GROUPS = {
    family: (row) => model.word("family", row),
    model: (row) => model.word("model", row),
    step: (row) => (model.all().columns.step[row] ? `step ${model.all().columns.step[row]}` : "your own"),
    seed: (row) => model.word("try", row),
  };

  const scroller = document.querySelector("#cases .gallery");
  const canvas = scroller.firstElementChild;

  let lines = []; // { top, heading } or { top, tiles: indices among those that are shown }
  let across = 1; // tiles in a line
  let active = 0;
  let drawn = new Map(); // line -> its element

  const px = (key) => parseFloat(getComputedStyle(scroller).getPropertyValue(key));
  const isOpen = () => state.get().view === "gallery";

  function groups() {
    const of = GROUPS[state.get().group];
    const indices = model.shown().map((_, index) => index);
    if (!of) return [["", indices]];
    const found = new Map();
    for (const index of indices) {
      const key = of(model.shown()[index]);
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(index);
    }
    return [...found];
  }

  function arrange() {
    const [width, tall] = [px("--tile"), px("--tile-tall")];
    across = Math.max(1, Math.floor(scroller.clientWidth / width));
    lines = [];
    let top = 0;
    for (const [heading, indices] of groups()) {
      if (heading) {
        lines.push({ top, heading, count: indices.length });
        top += HEADING_PX;
      }
      for (let at = 0; at < indices.length; at += across) {
        lines.push({ top, tiles: indices.slice(at, at + across) });
        top += tall;
      }
    }
    canvas.style.height = `${top}px`;
    canvas.style.setProperty("--across", across);
    const focused = canvas.contains(document.activeElement);
    canvas.replaceChildren();
    drawn = new Map();
    draw();
    if (focused) tileOf(active)?.focus({ preventScroll: true });
  }

  function draw() {
    const [from, to] = [scroller.scrollTop - SPARE_PX, scroller.scrollTop + scroller.clientHeight + SPARE_PX];
    const seen = lines.filter(({ top }) => top > from && top < to);
    for (const [line, node] of drawn) {
      if (seen.includes(line)) continue;
      node.remove();
      drawn.delete(line);
    }
    for (const line of seen) {
      if (drawn.has(line)) continue;
      const node = line.tiles ? el("div", { class: "tiles" }, line.tiles.map(tile)) : el("h3", { class: "tiles-of" }, name(line.heading), el("span", { class: "quiet" }, ` ${line.count.toLocaleString("en")}`));
      node.style.top = `${line.top}px`;
      drawn.set(line, node);
      canvas.append(node);
    }
  }

  function tile(index) {
    const row = model.shown()[index];
    const status = model.word("status", row);
    const change = model.columns().find(({ key }) => key === "jod");
    const holder = el("span", { class: "strip" });
    strip.fill(holder, row);
    const seen = change && change.value(row) !== null ? `${change.text(change.value(row))}${change.value(row) ? " JOD" : ""}` : "";
    return el("a", { class: "tile", "data-index": index, tabindex: index === active ? "0" : "-1", href: state.link({ ...state.get(), case: model.id(row) }) },
      holder,
      el("b", null, name(`${model.word("family", row)}/${model.word("name", row)}`)),
      el("span", { class: "quiet" }, name(model.word("model", row)), ` · ${model.word("try", row)}`),
      el("span", { class: "tile-end" }, el("span", { class: "badge", "data-state": status }, model.all().states[status] ?? status), seen ? el("span", { class: "tabular" }, change.value(row) ? seen : "no change") : null));
  }

  const tileOf = (index) => canvas.querySelector(`[data-index="${index}"]`);

  // Moves to a tile, with the keyboard on it.
  function go(index, { focus = true } = {}) {
    const line = lines.find(({ tiles }) => tiles?.includes(index));
    if (!line) return;
    tileOf(active)?.setAttribute("tabindex", "-1");
    active = index;
    const tall = px("--tile-tall");
    if (line.top < scroller.scrollTop) scroller.scrollTop = line.top;
    else if (line.top + tall > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = line.top + tall - scroller.clientHeight;
    draw();
    tileOf(index)?.setAttribute("tabindex", "0");
    if (focus) tileOf(index)?.focus({ preventScroll: true });
  }

  // The tile above or below, in the nearest column of the next line.
  function vertical(by) {
    const rows = lines.filter(({ tiles }) => tiles);
    const at = rows.findIndex(({ tiles }) => tiles.includes(active));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    return next.tiles[Math.min(next.tiles.length - 1, rows[at].tiles.indexOf(active))];
  }

  function horizontal(by) {
    const order = lines.flatMap(({ tiles }) => tiles ?? []);
    return order[Math.max(0, Math.min(order.length - 1, order.indexOf(active) + by))];
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !model.shown().length) return;
    const page = Math.max(1, Math.floor(scroller.clientHeight / px("--tile-tall")));
    const moves = {
      ArrowLeft: () => horizontal(-1), ArrowRight: () => horizontal(1), ArrowUp: () => vertical(-1), ArrowDown: () => vertical(1),
      PageUp: () => vertical(-page), PageDown: () => vertical(page), Home: () => horizontal(-Infinity), End: () => horizontal(Infinity),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    go(moves[event.key]());
  }

  function onClick(event) {
    const found = event.target.closest(".tile");
    if (!found || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    active = Number(found.dataset.index);
    state.set({ case: model.id(model.shown()[active]) }, { push: true });
  }

  let asked = "";
  function follow({ view, group, case: id }) {
    const next = JSON.stringify([view, group]);
    if (!model.all() || id || next === asked) return;
    asked = next;
    if (view === "gallery") arrange();
  }

  model.follow(() => {
    active = 0;
    scroller.scrollTop = 0;
    if (isOpen()) arrange();
  });
  scroller.addEventListener("keydown", onKey);
  canvas.addEventListener("click", onClick);
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => { if (model.all() && isOpen() && scroller.clientWidth) arrange(); }).observe(scroller);
  state.subscribe(follow);

  const { focus } = editproof.list;
  editproof.list.focus = (id) => {
    if (!isOpen()) return focus(id);
    const index = model.place(id);
    if (index >= 0) go(index);
  };
  const { enter } = editproof.list;
  editproof.list.enter = () => (isOpen() ? go(active) : enter());
})();

// The list of all cases: a window on up to tens of thousands of rows, of which only those in sight are elements.
"use strict";

(() => {
  const { el, name, state, caseModel: model, strip } = editproof;
  const SPARE_ROWS = 6; // above and below what is in sight, so that scrolling shows no gap

  const grid = document.querySelector("#cases .grid");
  const scroller = grid.querySelector("[role=grid]");
  const TERMS = { case: "case", model: "model", seed: "seed", jod: "JOD", broke: "stage" }; // column -> its word in the glossary
  const head = scroller.querySelector(".head");
  const canvas = scroller.querySelector(".canvas");

  let columns = []; // the picture, then the model's
  let active = 0; // index among those that are shown
  let kept = null; // the id that is active
  let pool = []; // elements of rows
  let height = 0; // of a row, px

  const rowHeight = () => parseFloat(getComputedStyle(grid).getPropertyValue("--row"));

  const inSight = () => scroller.clientHeight - head.offsetHeight; // px of rows

  // Row i of the list is shown by element i modulo their number, so that scrolling by one row fills one element.
  function draw(anew = false) {
    const shown = model.shown();
    if (anew) {
      height = rowHeight();
      const count = Math.min(shown.length, Math.ceil(scroller.clientHeight / height) + 2 * SPARE_ROWS);
      while (pool.length < count) pool.push(blank());
      while (pool.length > count) pool.pop().node.remove();
      for (const { node } of pool) if (!node.parentNode) canvas.append(node);
      canvas.style.height = `${shown.length * height}px`;
    }
    const from = Math.max(0, Math.min(Math.floor(scroller.scrollTop / height) - SPARE_ROWS, shown.length - pool.length));
    for (let index = from; index < from + pool.length; index += 1) {
      const line = pool[index % pool.length];
      if (anew || line.index !== index) fill(line, index);
    }
    mark();
  }

  function blank() {
    const cells = columns.map((column, at) => el("div", { role: "gridcell", class: column.kind === "number" ? "n" : null, "data-key": column.key, "aria-colindex": at + 1 }));
    const holders = columns.map((column, at) => {
      if (column.key === "status") return el("span", { class: "badge" });
      return column.kind === "number" || column.key === "picture" ? cells[at] : name("");
    });
    const link = el("a", { tabindex: "-1" });
    columns.forEach((column, at) => {
      if (column.key === "case") link.append(holders[at]);
      if (holders[at] !== cells[at]) cells[at].append(column.key === "case" ? link : holders[at]);
    });
    const nights = editproof.nights?.make();
    if (nights) cells[columns.findIndex((column) => column.key === "status")].append(nights);
    return { node: el("div", { role: "row", class: "line" }, cells), cells, holders, link, nights, index: -1 };
  }

  function fill(line, index) {
    const row = model.shown()[index];
    const { node, cells, holders } = line;
    line.index = index;
    node.style.transform = `translateY(${index * height}px)`;
    node.id = `row-${index}`;
    node.dataset.index = index;
    node.setAttribute("aria-rowindex", index + 2);
    line.link.setAttribute("href", state.link({ ...state.get(), case: model.id(row) }));
    editproof.nights?.fill(line.nights, model.id(row));
    columns.forEach((column, at) => {
      if (column.key === "picture") return strip.fill(holders[at], row);
      const value = column.value(row);
      const said = column.text ? column.text(value) : String(value ?? "");
      if (holders[at].textContent !== said) holders[at].textContent = said;
      if (column.key === "status") holders[at].dataset.state = value;
      if (["case", "model", "reason"].includes(column.key) && cells[at].title !== said) cells[at].title = said;
      if (column.key === "seconds") cells[at].title = model.all().columns.cached[row] ? "Taken from the cache" : "";
    });
  }

  function mark() {
    for (const { node, index } of pool) node.classList.toggle("active", index === active);
    const seen = pool.some(({ index }) => index === active);
    if (seen) scroller.setAttribute("aria-activedescendant", `row-${active}`);
    else scroller.removeAttribute("aria-activedescendant");
  }

  function go(index) {
    activate(Math.max(0, Math.min(model.shown().length - 1, index)));
    const top = active * height;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + height > scroller.scrollTop + inSight()) scroller.scrollTop = top + height - inSight();
    draw();
  }

  function activate(index) {
    active = index;
    kept = model.shown().length ? model.id(model.shown()[index]) : null;
  }

  function open(index) {
    if (index >= model.shown().length) return;
    activate(index);
    state.set({ case: kept }, { push: true });
  }

  function refresh(part) {
    activate(Math.max(0, model.place(kept)));
    for (const cell of head.children) {
      const { key } = cell.dataset;
      if (key !== "picture") cell.setAttribute("aria-sort", part.sort === key ? "ascending" : part.sort === `-${key}` ? "descending" : "none");
    }
    scroller.setAttribute("aria-rowcount", model.shown().length + 1);
    scroller.scrollTop = 0;
    draw(true);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !model.shown().length || head.contains(event.target)) return;
    const page = Math.max(1, Math.floor(inSight() / height) - 1);
    const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: model.shown().length - 1 };
    if (event.key in moves) go(moves[event.key]);
    else if (event.key === "Enter") open(active);
    else return;
    event.preventDefault();
  }

  function onClick(event) {
    const node = event.target.closest(".line");
    if (!node || event.ctrlKey || event.metaKey || event.shiftKey || getSelection().toString()) return;
    event.preventDefault();
    open(Number(node.dataset.index));
  }

  // First for the better look: numbers from the largest, words from A; then the other way; then as it was.
  function sortBy(column) {
    const now = state.get().sort ?? "";
    const [first, second] = column.kind === "number" ? [`-${column.key}`, column.key] : [column.key, `-${column.key}`];
    state.set({ sort: now === first ? second : now === second ? "" : first });
  }

  document.addEventListener("editproof-cases", () => {
    const [status, ...rest] = model.columns();
    columns = [status, { key: "picture", label: "Picture" }, ...rest];
    head.append(...columns.map((column, at) => el("div", {
      role: "columnheader", class: column.kind === "number" ? "n" : null, "data-key": column.key, "aria-colindex": at + 1, title: column.title,
    }, column.key === "picture" ? column.label : el("button", { type: "button", tabindex: "0", onclick: () => sortBy(column) }, column.label), TERMS[column.key] && editproof.what(TERMS[column.key]))));
    grid.style.setProperty("--numbers", model.all().numbers.length);
    scroller.setAttribute("aria-colcount", columns.length);
    grid.hidden = false;
  });
  model.follow(refresh);
  scroller.addEventListener("keydown", onKey);
  canvas.addEventListener("click", onClick);
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => { if (model.all() && scroller.clientHeight) draw(true); }).observe(scroller);

  editproof.list.focus = (id) => { const index = model.place(id); if (index >= 0) go(index); };
  editproof.list.enter = () => scroller.focus({ preventScroll: true });
})();

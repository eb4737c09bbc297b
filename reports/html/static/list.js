// The list of all cases: a window on up to tens of thousands of rows, of which only those in sight are elements.
// Filters and sorting are in the address: q, family, model, seed, status, worse (aspect), finding (number), broke (stage), sort.
"use strict";

(() => {
  const { el, name, state } = editproof;
  const SPARE_ROWS = 6; // above and below what is in sight, so that scrolling shows no gap
  const FILTERS = ["family", "model", "seed", "status", "worse", "finding", "broke"];
  const collator = new Intl.Collator(undefined, { numeric: true });

  const section = document.getElementById("cases");
  const form = section.querySelector("form");
  const output = form.querySelector("output");
  const grid = section.querySelector(".grid");
  const scroller = grid.querySelector("[role=grid]");
  const head = scroller.querySelector(".head");
  const canvas = scroller.querySelector(".canvas");

  let all = null; // what data/cases.js says
  let columns = [];
  let places = new Map(); // id -> row in `all`
  let shown = []; // rows of `all`, filtered and sorted
  let texts = null; // what is searched, by row
  let asked = null; // the part of the state that `shown` was made from
  let active = 0; // index in `shown`
  let pool = []; // elements of rows
  let height = 0; // of a row, px

  // One cell's text, or null where there is nothing.
  const word = (key) => (row) => all.words[key][all.columns[key][row]];

  function define() {
    const number = (about) => ({
      key: about.key, label: about.label, title: about.title, kind: "number",
      value: (row) => about.values[row],
      text: (value) => (value === null ? "—" : value.toFixed(about.digits).replace(/^-(?=0\.0*$)/, "").replace("-", "−")),
    });
    const label = (value) => all.states[value] ?? value;
    columns = [
      { key: "status", label: "Status", value: word("status"), text: label, rank: (value) => Object.keys(all.states).indexOf(value) },
      { key: "case", label: "Case", value: (row) => `${word("family")(row)}/${word("name")(row)}` },
      { key: "model", label: "Model", value: word("model") },
      { key: "seed", label: "Seed", kind: "number", value: (row) => word("try")(row).replace("seed ", ""),
        rank: (value) => Number(value.replace("repeat ", "")) },
      ...all.numbers.map(number),
      { key: "seconds", label: "Time, s", title: "Wall time of the edit", kind: "number", value: (row) => all.columns.seconds[row],
        text: (value) => (value === null ? "—" : value.toFixed(2)) },
      { key: "broke", label: "Stage", title: "The first stage that differs from the baseline, or the last that ran", value: word("broke") },
      { key: "reason", label: "Reason", value: word("reason") },
    ];
  }

  // Everything the viewer and others want to know of a case; null: there is no such case.
  function about(id) {
    const row = places.get(id);
    if (row === undefined) return null;
    const said = Object.fromEntries(["family", "name", "model", "status", "broke", "worse", "finding", "reason"].map((key) => [key, word(key)(row)]));
    return { id, page: all.pages[id] ?? id, seed: all.columns.seed[row], seconds: all.columns.seconds[row], ...said };
  }

  function fits(row, wanted, words) {
    for (const key of FILTERS) {
      if (!wanted[key]) continue;
      if (key === "seed" ? String(all.columns.seed[row]) !== wanted.seed
        : key === "worse" ? !word("worse")(row).split(", ").includes(wanted.worse)
        : key === "finding" ? !word("finding")(row).split(" ").includes(wanted.finding)
        : word(key)(row) !== wanted[key]) return false;
    }
    return words.every((part) => text(row).includes(part));
  }

  function text(row) {
    texts ??= [];
    return (texts[row] ??= [all.columns.id[row], `${word("family")(row)}/${word("name")(row)}`, word("model")(row), word("try")(row),
      all.states[word("status")(row)] ?? word("status")(row), word("broke")(row), word("worse")(row), word("reason")(row)].join(" ").toLowerCase());
  }

  function sorted(rows, sort) {
    const down = sort.startsWith("-");
    const column = columns.find((one) => one.key === sort.replace(/^-/, ""));
    if (!column) return rows;
    const keyed = rows.map((row) => [column.rank ? column.rank(column.value(row)) : column.value(row), row]);
    const empty = (value) => value === null || value === "";
    keyed.sort(([a, i], [b, j]) => {
      if (empty(a) || empty(b)) return empty(a) - empty(b) || i - j; // what has no value comes last either way
      const order = typeof a === "string" ? collator.compare(a, b) : a - b;
      return (down ? -order : order) || i - j;
    });
    return keyed.map(([, row]) => row);
  }

  function refresh(now) {
    const part = Object.fromEntries([...FILTERS, "q", "sort"].map((key) => [key, now[key] ?? ""]));
    const key = JSON.stringify(part);
    if (key === asked) return;
    const kept = asked !== null && shown.length ? all.columns.id[shown[active]] : null;
    asked = key;
    const words = part.q.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.columns.id.map((_, row) => row).filter((row) => fits(row, part, words));
    shown = part.sort ? sorted(rows, part.sort) : rows;
    active = Math.max(0, shown.indexOf(places.get(kept)));
    for (const field of form.elements) {
      if (field.name && field !== document.activeElement && field.value !== part[field.name]) choose(field, part[field.name]);
    }
    output.textContent = `${shown.length.toLocaleString("en")} of ${all.count.toLocaleString("en")} cases`;
    form.querySelector("[type=reset]").hidden = !(FILTERS.some((one) => part[one]) || part.q || part.sort);
    for (const cell of head.children) {
      const { key: own } = cell.dataset;
      const way = part.sort === own ? "ascending" : part.sort === `-${own}` ? "descending" : "none";
      cell.setAttribute("aria-sort", way);
    }
    scroller.setAttribute("aria-rowcount", shown.length + 1);
    section.querySelector(".nothing").hidden = shown.length > 0;
    scroller.scrollTop = 0;
    draw(true);
  }

  // A value that no option has, as from an old address, is shown as what it is.
  function choose(field, value) {
    if (field.options && value && ![...field.options].some((option) => option.value === value)) {
      field.append(el("option", { value }, value));
    }
    field.value = value;
  }

  const rowHeight = () => parseFloat(getComputedStyle(grid).getPropertyValue("--row"));

  const inSight = () => scroller.clientHeight - head.offsetHeight; // px of rows

  // Row i of the list is shown by element i modulo their number, so that scrolling by one row fills one element.
  function draw(anew = false) {
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
      return column.kind === "number" ? cells[at] : name("");
    });
    const link = el("a", { tabindex: "-1" });
    columns.forEach((column, at) => {
      if (column.key === "case") link.append(holders[at]);
      if (holders[at] !== cells[at]) cells[at].append(column.key === "case" ? link : holders[at]);
    });
    return { node: el("div", { role: "row", class: "line" }, cells), cells, holders, link, index: -1 };
  }

  function fill(line, index) {
    const row = shown[index];
    const { node, cells, holders } = line;
    line.index = index;
    node.style.transform = `translateY(${index * height}px)`;
    node.id = `row-${index}`;
    node.dataset.index = index;
    node.setAttribute("aria-rowindex", index + 2);
    line.link.setAttribute("href", address(row));
    columns.forEach((column, at) => {
      const value = column.value(row);
      const said = column.text ? column.text(value) : String(value ?? "");
      if (holders[at].textContent !== said) holders[at].textContent = said;
      if (column.key === "status") holders[at].dataset.state = value;
      if (["case", "model", "reason"].includes(column.key) && cells[at].title !== said) cells[at].title = said;
      if (column.key === "seconds") cells[at].title = all.columns.cached[row] ? "Taken from the cache" : "";
    });
  }

  function address(row) {
    return state.link({ ...state.get(), case: all.columns.id[row] });
  }

  function mark() {
    for (const { node, index } of pool) node.classList.toggle("active", index === active);
    const seen = pool.some(({ index }) => index === active);
    if (seen) scroller.setAttribute("aria-activedescendant", `row-${active}`);
    else scroller.removeAttribute("aria-activedescendant");
  }

  function go(index) {
    active = Math.max(0, Math.min(shown.length - 1, index));
    const top = active * height;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + height > scroller.scrollTop + inSight()) scroller.scrollTop = top + height - inSight();
    draw();
  }

  function open(index) {
    if (index >= shown.length) return;
    active = index;
    state.set({ case: all.columns.id[shown[index]] }, { push: true });
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !shown.length || head.contains(event.target)) return;
    const page = Math.max(1, Math.floor(inSight() / height) - 1);
    const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: shown.length - 1 };
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

  // Comma-separated; a text that a spreadsheet would take for a formula gets an apostrophe.
  function csv() {
    const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const foreign = (value) => quoted(/^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
    const plain = (value) => (value === null || value === undefined ? "" : String(value));
    const heads = ["id", "family", "case", "model", "seed", "status", ...all.numbers.map((one) => one.key), "seconds", "stage", "worse", "reason"];
    const lines = shown.map((row) => [
      foreign(all.columns.id[row]), foreign(word("family")(row)), foreign(word("name")(row)), foreign(word("model")(row)), plain(all.columns.seed[row]),
      foreign(word("status")(row)), ...all.numbers.map((one) => plain(one.values[row])), plain(all.columns.seconds[row]),
      foreign(word("broke")(row)), foreign(word("worse")(row)), foreign(word("reason")(row)),
    ].join(","));
    return `${[heads.map(foreign).join(","), ...lines].join("\r\n")}\r\n`;
  }

  function download() {
    const address = URL.createObjectURL(new Blob([`\ufeff${csv()}`], { type: "text/csv;charset=utf-8" }));
    el("a", { href: address, download: "cases.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  function options(field, values, label = (value) => value) {
    field.append(...values.map((value) => el("option", { value }, label(value))));
    field.closest("label").hidden = values.length < 1;
  }

  function start(data) {
    all = data;
    places = new Map(all.columns.id.map((id, row) => [id, row]));
    define();
    const named = (key) => all.words[key].filter(Boolean);
    options(form.elements.family, named("family"));
    options(form.elements.model, named("model"));
    options(form.elements.seed, [...new Set(all.columns.seed)].sort((a, b) => a - b).map(String));
    const states = Object.keys(all.states);
    options(form.elements.status, named("status").sort((a, b) => states.indexOf(a) - states.indexOf(b)), (value) => all.states[value] ?? value);
    options(form.elements.worse, all.aspects);
    options(form.elements.finding, Object.keys(all.findings), (value) => `${value} · ${all.findings[value]}`);
    options(form.elements.broke, named("broke"));
    head.append(...columns.map((column, at) => el("div", {
      role: "columnheader", class: column.kind === "number" ? "n" : null, "data-key": column.key, "aria-colindex": at + 1, title: column.title,
    }, el("button", { type: "button", tabindex: "0", onclick: () => sortBy(column) }, column.label))));
    grid.style.setProperty("--numbers", all.numbers.length);
    scroller.setAttribute("aria-colcount", columns.length);
    section.classList.add("ready");
    form.hidden = grid.hidden = false;
    state.subscribe(refresh);
  }

  // First for the better look: numbers from the largest, words from A; then the other way; then as it was.
  function sortBy(column) {
    const now = state.get().sort ?? "";
    const [first, second] = column.kind === "number" ? [`-${column.key}`, column.key] : [column.key, `-${column.key}`];
    state.set({ sort: now === first ? second : now === second ? "" : first });
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => state.set({ [target.name]: target.value.trim() }));
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of form.elements) if (field.name) field.value = "";
    state.set(Object.fromEntries([...FILTERS, "q", "sort"].map((key) => [key, ""])));
  });
  form.querySelector("[data-csv]").addEventListener("click", download);
  scroller.addEventListener("keydown", onKey);
  canvas.addEventListener("click", onClick);
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => { if (all && scroller.clientHeight) draw(true); }).observe(scroller);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || state.get().case) return;
    event.preventDefault();
    form.elements.q.focus();
    section.scrollIntoView();
  });

  editproof.cases = start;
  editproof.list = {
    order: () => shown.map((row) => all.columns.id[row]), // ids, as they are listed
    about,
    csv,
    ready: () => all !== null,
    focus: (id) => { const index = shown.indexOf(places.get(id)); if (index >= 0) go(index); },
    columns: () => columns.map((column) => column.key),
  };
})();

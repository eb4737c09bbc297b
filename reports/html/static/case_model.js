// The cases of the run as data/cases.js has them, filtered and sorted as the address says; the list and the gallery show them.
// Filters and sorting are in the address: q, family, model, seed, status, worse (aspect), finding (number), broke (stage), sort.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { state } = editproof;
  const FILTERS = ["family", "model", "seed", "status", "worse", "finding", "broke"];
  const collator = new Intl.Collator(undefined, { numeric: true });
  const followers = [];

  let all = null; // what data/cases.js says
  let columns = [];
  let places = new Map(); // id -> row in `all`
  let shown = []; // rows of `all`, filtered and sorted
  let texts = null; // what is searched, by row
  let asked = null; // the part of the state that `shown` was made from

  // A word of a row, or "" where there is none.
  const word = (key, row) => all.words[key][all.columns[key][row]];

  function define() {
    const number = (about) => ({
      key: about.key, label: about.label, title: about.title, kind: "number",
      value: (row) => about.values[row],
      text: (value) => (value === null ? "—" : value.toFixed(about.digits).replace(/^-(?=0\.0*$)/, "").replace("-", "−")),
    });
    const change = (about) => ({ ...number(about), text: (value) => (value === null ? "—" : value === 0 ? "none" : value < 0.005 ? "<0.01" : value.toFixed(2)) });
    const label = (value) => all.states[value] ?? value;
    columns = [
      { key: "status", label: "Status", value: (row) => word("status", row), text: label, rank: (value) => Object.keys(all.states).indexOf(value) },
      { key: "case", label: "Case", value: (row) => `${word("family", row)}/${word("name", row)}` },
      { key: "model", label: "Model", value: (row) => word("model", row) },
      { key: "seed", label: "Seed", kind: "number", value: (row) => word("try", row).replace("seed ", ""),
        rank: (value) => Number(value.replace("repeat ", "")) },
      ...all.numbers.map((about) => (about.key === "jod" ? change(about) : number(about))),
      { key: "seconds", label: "Time, s", title: "Wall time of the edit", kind: "number", value: (row) => all.columns.seconds[row],
        text: (value) => (value === null ? "—" : value.toFixed(2)) },
      { key: "broke", label: "Stage", title: "The first stage that differs from the baseline, or the last that ran", value: (row) => word("broke", row) },
      { key: "reason", label: "Reason", value: (row) => word("reason", row) },
    ];
  }

  // Everything the viewer and others want to know of a case; null: there is no such case.
  function about(id) {
    const row = places.get(id);
    if (row === undefined) return null;
    const said = Object.fromEntries(["family", "name", "model", "status", "broke", "worse", "finding", "reason"].map((key) => [key, word(key, row)]));
    return { id, page: page(row), seed: all.columns.seed[row], seconds: all.columns.seconds[row], ...said };
  }

  // The name of a case's files.
  const page = (row) => all.pages[all.columns.id[row]] ?? all.columns.id[row];

  function fits(row, wanted, words) {
    for (const key of FILTERS) {
      if (!wanted[key]) continue;
      if (key === "seed" ? String(all.columns.seed[row]) !== wanted.seed
        : key === "worse" ? !word("worse", row).split(", ").includes(wanted.worse)
        : key === "finding" ? !word("finding", row).split(" ").includes(wanted.finding)
        : word(key, row) !== wanted[key]) return false;
    }
    return words.every((part) => text(row).includes(part));
  }

  function text(row) {
    texts ??= [];
    return (texts[row] ??= [all.columns.id[row], `${word("family", row)}/${word("name", row)}`, word("model", row), word("try", row),
      all.states[word("status", row)] ?? word("status", row), word("broke", row), word("worse", row), word("reason", row)].join(" ").toLowerCase());
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
    asked = key;
    const words = part.q.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all.columns.id.map((_, row) => row).filter((row) => fits(row, part, words));
    shown = part.sort ? sorted(rows, part.sort) : rows;
    for (const follower of followers) follower(part);
  }

  // Comma-separated; a text that a spreadsheet would take for a formula gets an apostrophe.
  function csv() {
    const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const foreign = (value) => quoted(/^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
    const plain = (value) => (value === null || value === undefined ? "" : String(value));
    const heads = ["id", "family", "case", "model", "seed", "status", ...all.numbers.map((one) => one.key), "seconds", "stage", "worse", "reason"];
    const lines = shown.map((row) => [
      foreign(all.columns.id[row]), foreign(word("family", row)), foreign(word("name", row)), foreign(word("model", row)), plain(all.columns.seed[row]),
      foreign(word("status", row)), ...all.numbers.map((one) => plain(one.values[row])), plain(all.columns.seconds[row]),
      foreign(word("broke", row)), foreign(word("worse", row)), foreign(word("reason", row)),
    ].join(","));
    return `${[heads.map(foreign).join(","), ...lines].join("\r\n")}\r\n`;
  }

  function start(data) {
    all = data;
    places = new Map(all.columns.id.map((id, row) => [id, row]));
    define();
    document.dispatchEvent(new Event("editproof-cases")); // whoever shows cases builds itself now
    state.subscribe(refresh);
  }

  editproof.cases = start;
  editproof.caseModel = {
    FILTERS,
    all: () => all,
    columns: () => columns,
    shown: () => shown,
    word,
    page,
    id: (row) => all.columns.id[row],
    rowOf: (id) => places.get(id),
    place: (id) => shown.indexOf(places.get(id)), // where a case stands among those that are shown; -1: it is not
    csv,
    // Calls follower with the filters, after what is shown has changed.
    follow: (follower) => followers.push(follower),
  };
  editproof.list = {
    order: () => shown.map((row) => all.columns.id[row]), // ids, as they are listed
    about,
    csv,
    ready: () => all !== null && asked !== null,
    focus: () => {},
    columns: () => columns.map((column) => column.key),
  };
})();

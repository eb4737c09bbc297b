// Filters the list of cases; the filter's state is in the address: #cases?family=…&status=…
"use strict";

const section = document.getElementById("cases");
const form = section.querySelector("form");
const count = form.querySelector("output");
const rows = [...section.querySelectorAll("tbody tr")].map((row) => ({
  row,
  text: `${row.textContent} ${row.dataset.id}`.toLowerCase(),
}));
const names = ["q", "family", "model", "status"];

function apply() {
  const wanted = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  const words = wanted.q.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text } of rows) {
    const fits =
      ["family", "model", "status"].every((name) => !wanted[name] || row.dataset[name] === wanted[name]) &&
      words.every((word) => text.includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${rows.length}`;
}

function toAddress() {
  const state = new URLSearchParams(names.map((name) => [name, form.elements[name].value]).filter(([, value]) => value));
  history.replaceState(null, "", state.size ? `#cases?${state}` : "#cases");
}

function fromAddress() {
  const [anchor, query] = location.hash.split(/\?(.*)/s);
  if (anchor !== "#cases" || query === undefined) return;
  const state = new URLSearchParams(query);
  for (const name of names) form.elements[name].value = state.get(name) ?? "";
  apply();
  section.scrollIntoView();
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => { apply(); toAddress(); });
form.addEventListener("reset", () => setTimeout(() => { apply(); toAddress(); }));
window.addEventListener("hashchange", fromAddress);
apply();
fromAddress();

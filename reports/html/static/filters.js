// The form over the list and the gallery: search, filters, order, the way cases are shown, and the export.
"use strict";

(() => {
  const { el, state, caseModel: model } = editproof;
  const section = document.getElementById("cases");
  const form = section.querySelector("form");
  const output = form.querySelector("output");

  function options(field, values, label = (value) => value) {
    field.append(...values.map((value) => el("option", { value }, label(value))));
    field.closest("label").hidden = values.length < 1;
  }

  document.addEventListener("editproof-cases", () => {
    const all = model.all();
    const named = (key) => all.words[key].filter(Boolean);
    const states = Object.keys(all.states);
    options(form.elements.family, named("family"));
    options(form.elements.model, named("model"));
    options(form.elements.seed, [...new Set(all.columns.seed)].sort((a, b) => a - b).map(String));
    options(form.elements.status, named("status").sort((a, b) => states.indexOf(a) - states.indexOf(b)), (value) => all.states[value] ?? value);
    options(form.elements.worse, all.aspects);
    options(form.elements.finding, Object.keys(all.findings), (value) => `${value} · ${all.findings[value]}`);
    options(form.elements.broke, named("broke"));
    for (const { key, label, kind } of model.columns()) {
      if (kind === "number" && key !== "seed") form.elements.sort.append(el("option", { value: `-${key}` }, `${label}, high first`), el("option", { value: key }, `${label}, low first`));
      else form.elements.sort.append(el("option", { value: key }, label));
    }
    form.hidden = false;
    section.classList.add("ready");
  });

  model.follow((part) => {
    for (const field of form.elements) {
      if (field.name in part && field !== document.activeElement && field.value !== part[field.name]) choose(field, part[field.name]);
    }
    output.textContent = `${model.shown().length.toLocaleString("en")} of ${model.all().count.toLocaleString("en")} cases`;
    form.querySelector("[type=reset]").hidden = !Object.values(part).some(Boolean);
    section.querySelector(".nothing").hidden = model.shown().length > 0;
  });

  // A link may name what this run has not.
  function choose(field, value) {
    if (field.options && value && ![...field.options].some((option) => option.value === value)) field.append(el("option", { value }, value));
    field.value = value;
  }

  function show({ view, group }) {
    const gallery = view === "gallery";
    for (const button of form.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String((button.dataset.view === "gallery") === gallery));
    form.elements.group.closest("label").hidden = !gallery;
    choose(form.elements.group, group ?? "");
    section.dataset.view = gallery ? "gallery" : "list";
  }

  function download() {
    const address = URL.createObjectURL(new Blob([`\ufeff${model.csv()}`], { type: "text/csv;charset=utf-8" }));
    el("a", { href: address, download: "cases.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  state.subscribe(show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => state.set({ [target.name]: target.value.trim() }));
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of form.elements) if (field.name) field.value = "";
    state.set(Object.fromEntries([...model.FILTERS, "q", "sort"].map((key) => [key, ""])));
  });
  form.addEventListener("click", ({ target }) => {
    const { view } = target.closest("[data-view]")?.dataset ?? {};
    if (view) state.set({ view: view === "gallery" ? view : "", group: view === "gallery" ? state.get().group : "" });
  });
  form.querySelector("[data-csv]").addEventListener("click", download);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || state.get().case) return;
    event.preventDefault();
    form.elements.q.focus();
    section.scrollIntoView();
  });
})();

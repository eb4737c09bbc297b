// A case edited again: what is asked, how far its edits are, before and after, and what becomes of them.
"use strict";

(() => {
  const { el, desk } = editproof;
  const { brush } = desk;
  const POLL_MS = 400;
  const NEAR = 4; // how much nearer a click shows a place
  const WORKING = new Set(["waiting", "loading", "editing", "measuring"]);
  const WORDS = { waiting: "waiting for its turn", loading: "loading the pipeline", editing: "editing", measuring: "being measured", failed: "failed", cancelled: "cancelled" };

  const node = (id) => document.getElementById(id);
  const again = { asked: null, runs: [], chosen: 0, polling: false };

  const say = (text) => { node("b-said").textContent = text; };
  const caseRuns = () => again.runs.filter((one) => one.case === brush.number);
  const chosen = () => caseRuns().find((one) => one.id === again.chosen);

  desk.openBrush = async () => {
    const number = desk.shownCase();
    if (number === undefined || !desk.has(number, "input")) return desk.say("Choose a case that has an input to edit.", "warn");
    again.asked = null;
    node("b-title").textContent = `Edit again: ${desk.about.cases[number].name}`;
    for (const id of ["b-name", "b-reason", "b-find"]) node(id).value = "";
    node("b-pipeline").textContent = "Reading what the case asks…";
    node("b-form").hidden = true;
    say(desk.about.cases[number].reason ? `${desk.about.cases[number].status.replace("_", " ")}: ${desk.about.cases[number].reason}` : "");
    try {
      await brush.begin(number);
      again.runs = (await desk.ask("/api/reruns")).reruns;
    } catch (error) { return desk.say(error.message, "bad"); }
    again.chosen = caseRuns().at(-1)?.id ?? 0;
    showRuns();
    node("r-brush").showModal();
    node("b-mask").closest(".b-desk").focus();
    poll();
    try {
      const asked = await desk.ask(`/api/cases/${number}`);
      if (brush.number === number) await begin(asked);
    } catch (error) { if (brush.number === number) node("b-pipeline").textContent = `It can't be run again here: ${error.message}`; }
  };

  async function begin(asked) {
    again.asked = asked;
    node("b-pipeline").textContent = [asked.pipeline, asked.note].filter(Boolean).join(" · ");
    node("b-prompt").value = asked.prompt;
    node("b-seed").value = asked.seed;
    node("b-form").hidden = false;
    node("b-list").replaceChildren(...asked.settings.map(settingRow));
    findSettings();
    countChanged();
    if (asked.has_mask) await brush.showOwn(brush.number);
  }

  // ---- Settings ----

  function control(setting, id) {
    const options = setting.choices?.length ? setting.choices : typeof setting.value === "boolean" ? ["true", "false"] : null;
    const shared = { id, "data-setting": setting.name, onchange: countChanged };
    if (options) return el("select", shared, options.map((word) => el("option", { value: word, selected: word === String(setting.value) }, word)));
    if (typeof setting.value !== "number") return el("input", { ...shared, type: "text", value: setting.value, maxlength: 4000 });
    return el("input", { ...shared, type: "number", value: setting.value, step: "any", min: setting.range?.[0], max: setting.range?.[1] });
  }

  function settingRow(setting, place) {
    return el("div", { class: "b-setting" }, el("label", { for: `b-set-${place}` }, setting.name), control(setting, `b-set-${place}`),
      setting.about && el("small", null, editproof.prose(setting.about), setting.allowed ? ` (${setting.allowed.replaceAll("`", "")})` : ""));
  }

  // The settings that are not as in the run; null: one of them is no number.
  function changedSettings() {
    const found = {};
    for (const [place, setting] of again.asked.settings.entries()) {
      const field = node(`b-set-${place}`);
      const { value } = setting;
      const typed = typeof value === "boolean" ? field.value === "true" : typeof value === "number" ? field.valueAsNumber : field.value;
      if (Number.isNaN(typed)) { say(`${setting.name} must be a number.`); return null; }
      if (typed !== value) found[setting.name] = typed;
    }
    return found;
  }

  function countChanged() {
    const found = changedSettings() ?? {};
    for (const row of node("b-list").children) row.toggleAttribute("data-changed", row.querySelector("[data-setting]").dataset.setting in found);
    node("b-changed").textContent = Object.keys(found).length ? describe(found) : again.asked.settings.length ? "as in the run" : "none is known";
  }

  function findSettings() {
    const text = node("b-find").value.trim().toLowerCase();
    for (const row of node("b-list").children) row.hidden = !row.textContent.toLowerCase().includes(text);
  }

  const describe = (settings) => Object.entries(settings).map(([name, value]) => `${name} = ${value}`).join(", ");

  // ---- Edits ----

  // One after the other, so that edits stand in the order in which they were asked for.
  let sending = Promise.resolve();
  function start(small) {
    if (!again.asked) return;
    const settings = changedSettings();
    const seed = node("b-seed").valueAsNumber;
    if (!settings) return;
    if (!Number.isInteger(seed)) { say("The seed must be a whole number."); return; }
    const question = { case: brush.number, prompt: node("b-prompt").value, seed, settings, small, mask: brush.drawn ? brush.encode() : "" };
    sending = sending.then(() => send(question));
  }

  async function send(question) {
    try {
      const made = await desk.ask("/api/reruns", question);
      again.runs.push(made);
      again.chosen = made.id;
      say("");
    } catch (error) { say(error.message); return; }
    showRuns();
    node("b-results").scrollIntoView({ block: "nearest" });
    poll();
  }

  async function poll() {
    if (again.polling) return;
    again.polling = true;
    while (again.runs.some((one) => WORKING.has(one.state))) {
      await new Promise((done) => { setTimeout(done, POLL_MS); });
      try {
        const before = new Map(again.runs.map((one) => [one.id, one]));
        again.runs = (await desk.ask("/api/reruns")).reruns;
        for (const one of again.runs) if (WORKING.has(before.get(one.id)?.state) && !WORKING.has(one.state)) announce(one);
      } catch (error) { say(error.message); break; }
      showRuns();
    }
    again.polling = false;
  }

  function announce(one) {
    const text = `${desk.about.cases[one.case].name}: ${stateWords(one)}`;
    if (node("r-brush").open) say(text);
    else desk.say(text, one.state === "failed" ? "bad" : "");
  }

  function stateWords(one) {
    if (one.kept) return "kept as an answer. It is accepted with Apply";
    if (one.state === "done") return `${one.status.replace("_", " ")} in ${one.seconds.toFixed(1)} s${one.words ? `: ${one.words}` : ""}`;
    if (WORKING.has(one.state)) return one.state === "waiting" ? WORDS.waiting : `${WORDS[one.state]}, ${one.seconds.toFixed(0)} s`;
    return one.words ? `${WORDS[one.state]}: ${one.words}` : WORDS[one.state];
  }

  const source = (one) => `/api/reruns/${one.id}/picture?v=${one.picture}`;

  function runItem(one) {
    const what = [one.small ? "Preview" : "Whole picture", one.drawn && "drawn mask", one.prompt !== again.asked?.prompt && one.prompt && `“${one.prompt}”`, one.seed !== again.asked?.seed && `seed ${one.seed}`, describe(one.settings)];
    const expected = !one.small && again.asked ? again.asked.seconds : 0;
    return el("li", { class: "b-run" },
      el("button", { type: "button", class: "b-pick", "aria-pressed": String(one.id === again.chosen), onclick: () => { again.chosen = one.id; showRuns(); } },
        one.picture && el("img", { src: source(one), alt: "" }), what.filter(Boolean).join(" · ")),
      el("span", null, stateWords(one)),
      WORKING.has(one.state) && el("progress", { max: 1, value: one.state === "editing" && expected ? Math.min(0.97, one.seconds / expected) : null, "aria-label": "How far the edit is" }),
      WORKING.has(one.state) && one.state !== "measuring" && el("button", { type: "button", onclick: () => change(one, "cancel") }, "Cancel"),
      one.kept && el("button", { type: "button", onclick: () => change(one, "forget") }, "Take back"));
  }

  async function change(one, what) {
    try { Object.assign(one, await desk.ask(`/api/reruns/${one.id}/${what}`, {})); } catch (error) { say(error.message); }
    showRuns();
  }

  function showRuns() {
    const runs = caseRuns();
    node("b-results").hidden = !runs.length;
    const focused = document.activeElement?.closest?.(".b-run");
    const place = focused ? [...node("b-runs").children].indexOf(focused) : -1;
    node("b-runs").replaceChildren(...runs.map(runItem));
    if (place >= 0) node("b-runs").children[place]?.querySelector("button").focus();
    showPanes(chosen());
  }

  // Before and after side by side, then the input.
  let shown = "";
  function showPanes(one) {
    const whole = Boolean(one?.picture && !one.small);
    node("b-keep").disabled = !whole || one.state === "measuring" || Boolean(one.kept) || Boolean(desk.about.partial);
    node("b-with").disabled = !whole;
    if (!whole) node("b-with").checked = false;
    node("b-result").textContent = one ? stateWords(one) : "";
    const key = one ? `${brush.number} ${one.id} ${one.picture}` : "";
    if (key === shown) return;
    shown = key;
    if (whole) node("b-with").checked = true;
    const name = desk.about.cases[brush.number].name;
    const own = [["Before", "now"], ["Input", "input"]].map(([title, kind]) => [title, desk.has(brush.number, kind) && desk.picture(brush.number, kind)]);
    const pictures = own.toSpliced(1, 0, [one?.small ? "After, preview" : "After", one?.picture && source(one)]);
    node("b-panes").replaceChildren(...pictures.filter(([, from]) => from && one).map(([title, from]) => pane(title, from, `${name}: ${title}`)));
  }

  // A click shows the same place nearer in all panes, another click the whole pictures again.
  function pane(title, from, alt) {
    const frame = el("div", { class: "b-window" }, el("img", { src: from, alt, draggable: "false" }));
    frame.addEventListener("click", (event) => {
      const box = frame.getBoundingClientRect();
      const near = !frame.hasAttribute("data-near");
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      for (const one of document.querySelectorAll(".b-window")) {
        one.toggleAttribute("data-near", near);
        one.firstChild.style.setProperty("transform", near ? `translate(${-100 * x * (NEAR - 1)}%, ${-100 * y * (NEAR - 1)}%) scale(${NEAR})` : "none");
      }
    });
    return el("figure", { class: "r-pane" }, el("figcaption", null, title), frame);
  }

  async function keepAnswer() {
    const one = chosen();
    if (!one || node("b-keep").disabled) return;
    try {
      Object.assign(one, await desk.ask(`/api/reruns/${one.id}/keep`, { reason: node("b-reason").value }));
    } catch (error) { return say(error.message); }
    showRuns();
    poll();
  }

  async function keepCase() {
    const one = node("b-with").checked ? chosen() : null;
    const settings = one?.settings ?? (again.asked ? changedSettings() : {});
    if (!settings) return;
    const question = { case: brush.number, name: node("b-name").value.trim(), prompt: one?.prompt ?? node("b-prompt").value, mask: brush.encode(), settings, rerun: one?.id ?? null };
    try {
      const kept = await desk.ask("/api/cases", question);
      say(`Kept: ${kept.folder}, mask ${kept.mask.slice(0, 12)}. Run it: editproof run --cases ${desk.about.cases_folder}`);
      desk.say(`Kept: ${kept.folder}`, "good");
    } catch (error) { say(error.message); }
  }

  Object.assign(desk.actions, {
    brush: desk.openBrush,
    "brush keep": keepCase,
    "again small": () => start(true),
    "again whole": () => start(false),
    "again keep": keepAnswer,
  });

  const KEYS = { ...brush.keys, p: () => start(true), Enter: () => start(false) };
  node("b-find").addEventListener("input", findSettings);
  node("r-brush").addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=range]), textarea, select");
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // else the form closes the dialog
    if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
    if (event.key === "Enter" && event.target.closest("button, summary")) return;
    const found = KEYS[event.key];
    if (found) { event.preventDefault(); found(); }
  });
})();

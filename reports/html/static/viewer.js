// The viewer: one case over the front page. What is seen is in the address, so that it can be sent to somebody:
// case, mode, a, b, metric, stage, zoom, y, x, window, area, boxes, regions, cursor, loupe, and of each mode its amount
// (cut, rate, onion, heat) and whether the blinking stands still, and on which picture (still).
"use strict";

(() => {
  const { el, name, prose, state, panes: kit, caseFacts: facts, heat } = editproof;
  const { OWN, KEPT, KINDS, AMOUNTS, REGIONS, UNREADABLE, complete, within } = editproof.viewerState;
  const LEAST_ROOM_PX = 600;

  const section = document.getElementById("viewer");
  const $ = (selector) => section.querySelector(selector);
  const box = $(".v-panes");
  const keys = $(".v-keys");
  const loupe = $(".v-loupe");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pageTitle = document.title;

  let run = null; // what holds for all cases
  let told = null; // the case that is shown
  let wanted = ""; // the case that was asked for
  let drawn = ""; // what the panes were made from
  let panes = [];
  let camera = null;
  let seen = {}; // the state, complete
  let timer = 0;
  let shownSide = "b";
  let pixelsOf = null;
  let pointer = null; // [y, x, pane]
  let areas = []; // where B differs from A, once somebody asked

  // ---- Cases ----

  function follow(now) {
    if (!now.case) return close();
    if (section.hidden) {
      section.hidden = false;
      scrollTo({ top: 0, behavior: "instant" });
    }
    if (now.case !== wanted) open(now.case);
    else if (told) update();
  }

  async function open(id) {
    wanted = id;
    said("");
    let found = null;
    try {
      found = await editproof.caseFiles.load(id);
      run = editproof.caseFiles.run();
    } catch { /* said below */ }
    if (wanted !== id) return;
    told = found;
    drawn = "";
    section.classList.toggle("v-empty", !told);
    walk();
    if (!told) {
      const listed = editproof.list.about(id);
      $("#v-title").replaceChildren(listed ? name(`${listed.family}/${listed.name}`) : "No such case");
      $(".v-about").replaceChildren();
      $(".v-findings").replaceChildren();
      said(listed?.status === "missing" ? "This case was not run. `editproof run --resume` runs what is missing."
        : listed ? `The data of this case can't be loaded: cases/${listed.page}.js is gone. \`editproof report\` writes it again.`
          : "This report has no such case. The link may be of another run.");
      $("#v-title").focus({ preventScroll: true });
      return;
    }
    pixelsOf = editproof.pixelReader(told);
    camera = kit.camera(sizeOf(told));
    pointer = null;
    areas = [];
    document.title = `${told.family}/${told.name} · ${told.model} · ${told.try} · editproof`;
    fill();
    update();
    $("#v-title").focus({ preventScroll: true });
  }

  function close() {
    if (section.hidden) return;
    section.hidden = true;
    wanted = "";
    told = null;
    drawn = "";
    stopBlink();
    loupe.hidden = true;
    if (keys.open) keys.close();
    document.title = pageTitle;
  }

  // Height and width of the output, in pixels.
  function sizeOf({ pictures, scale }) {
    const place = pictures.actual ?? pictures.expected ?? pictures.baseline;
    if (place) return [place[2], place[1]];
    return pictures.input ? [pictures.input[2] * scale, pictures.input[1] * scale] : [1, 1];
  }

  function said(text) {
    $(".v-message").replaceChildren(...prose(text));
  }

  // ---- The parts that change with the case only ----

  function fill() {
    $("#v-title").replaceChildren(...facts.title(told));
    $(".v-about").replaceChildren(...facts.heading(told));
    $(".v-findings").replaceChildren(...facts.trouble(told), ...facts.findings(told, (metric) => state.set({ mode: "heat", metric, stage: "" })));
    const places = Object.keys(KINDS).filter((kind) => told.pictures[kind]);
    const choices = () => Object.entries(KINDS).filter(([kind]) => ["input", "expected", "baseline", "actual"].includes(kind) || places.includes(kind))
      .map(([kind, [label]]) => el("option", { value: kind, disabled: !told.pictures[kind] }, told.pictures[kind] ? label : `${label} (none)`));
    $("[name=a]").replaceChildren(...choices());
    $("[name=b]").replaceChildren(...choices());
    $("[name=metric]").replaceChildren(...heat.metricsOf(told).map((metric) => el("option", { value: metric }, heat.title(run, metric))));
    $(".v-chips").replaceChildren(...Object.keys(REGIONS).filter((region) => told.outlines[region]).map((region) =>
      el("button", { type: "button", "data-region": region, "aria-pressed": "false", title: `Outline of ${region} (${REGIONS[region][0]})`, onclick: () => toggleRegion(region) }, REGIONS[region])));
    $(".v-overlays").hidden = !Object.keys(told.outlines).length;
    $(".v-windows ol").replaceChildren(...facts.windows(told, run, (at) => jump(at)));
    $(".v-windows").hidden = !told.windows.length;
    $(".v-strip").replaceChildren(...facts.stages(told, (key) => state.set({ stage: seen.stage === key ? "" : key, mode: seen.mode === "all" || seen.mode === "heat" ? "side" : seen.mode })));
    $(".v-stages").hidden = !told.stages.length;
    const numbers = (changed) => $(".v-scroll").replaceChildren(facts.table(told, run, changed));
    const changedOnly = el("input", { type: "checkbox", onchange: (event) => numbers(event.target.checked) });
    $(".v-numbers-tools").replaceChildren(...(told.numbers.some((line) => line[3]) ? [el("label", null, changedOnly, " Only what differs from the baseline")] : []));
    numbers(false);
    $(".v-notes").replaceChildren(...facts.notes(told, run));
    $(".v-numbers").hidden = !told.numbers.length && !Object.keys(told.unmeasured).length;
    $(".v-facts").replaceChildren(...facts.made(told));
  }

  function walk() {
    const order = editproof.list.order();
    const at = order.indexOf(wanted);
    $(".v-position").textContent = at < 0 ? "" : `${(at + 1).toLocaleString("en")} of ${order.length.toLocaleString("en")}`;
    $("[data-do=before]").disabled = at <= 0;
    $("[data-do=after]").disabled = at < 0 || at >= order.length - 1;
  }

  function step(by) {
    const order = editproof.list.order();
    const at = order.indexOf(wanted);
    const next = order[at + by];
    if (at < 0 || next === undefined) return;
    const rest = Object.fromEntries(OWN.filter((key) => !KEPT.includes(key)).map((key) => [key, ""]));
    state.set({ ...rest, case: next }, { push: true });
  }

  // ---- What is seen ----

  function update() {
    const now = state.get();
    const before = `${seen.a} ${seen.b}`;
    seen = complete(now, told, camera.size);
    if (before !== `${seen.a} ${seen.b}`) areas = [];
    const zoom = Number.parseFloat(now.zoom);
    const [height, width] = camera.size;
    camera = {
      size: camera.size,
      zoom: zoom > 0 ? Math.min(kit.MOST_ZOOM, Math.max(0.02, zoom)) : null,
      y: within(now.y, 0, height, height / 2),
      x: within(now.x, 0, width, width / 2),
    };
    controls();
    const key = JSON.stringify([wanted, seen.mode, seen.a, seen.b, seen.metric, seen.stage, seen.boxes, seen.window, seen.area, areas.length, seen.regions, seen.cursor]);
    if (key !== drawn) {
      drawn = key;
      build();
    }
    amounts();
    move();
    blink();
    readout();
  }

  function controls() {
    const { mode } = seen;
    for (const button of section.querySelectorAll("button[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      button.disabled = button.dataset.mode === "heat" && !seen.metric;
      if (button.dataset.mode === "heat") button.title = button.disabled ? "There are no two pictures to make a map of" : "Heat map (7, h)";
    }
    const two = mode !== "all" && !(mode === "heat" && !heat.isOwn(seen.metric));
    $(".v-a").hidden = !two || Boolean(seen.stage);
    $(".v-b").hidden = mode === "all" || Boolean(seen.stage);
    $("[data-do=swap]").hidden = !two || Boolean(seen.stage);
    $(".v-metric").hidden = mode !== "heat";
    $("[name=a]").value = seen.a;
    $("[name=b]").value = seen.b;
    $("[name=metric]").value = seen.metric;
    const amount = AMOUNTS[mode];
    $(".v-amount").hidden = !amount;
    if (amount) {
      const [key, label, least, most, size, , unit] = amount;
      const range = $("[name=amount]");
      Object.assign(range, { min: least, max: most, step: size });
      range.value = seen[key];
      $(".v-amount span").textContent = label;
      $(".v-amount output").textContent = `${seen[key]}${unit === "%" ? "\u00a0" : ""}${unit}`;
    }
    $(".v-leave").hidden = !seen.stage || mode === "all";
    $(".v-leave").replaceChildren("Stage ", name(seen.stage), " ✕");
    $(".v-options").hidden = mode === "all";
    $(".v-pause").hidden = mode !== "blink";
    $(".v-pause").textContent = seen.still ? "Start" : "Stop";
    $(".v-flip").hidden = mode !== "blink";
    for (const button of section.querySelectorAll("[data-region]")) button.setAttribute("aria-pressed", String(seen.regions.includes(button.dataset.region)));
    for (const button of section.querySelectorAll("[data-window]")) button.setAttribute("aria-current", String(Number(button.dataset.window) === seen.window));
    for (const button of section.querySelectorAll("[data-stage]")) button.setAttribute("aria-pressed", String(button.dataset.stage === seen.stage));
    $("[data-do=boxes]").setAttribute("aria-pressed", String(seen.boxes));
    $("[data-do=loupe]").setAttribute("aria-pressed", String(seen.loupe));
    $("[data-do=cursor]").setAttribute("aria-pressed", String(seen.cursor !== null));
    legend();
  }

  function legend() {
    $(".v-legend").hidden = seen.mode !== "heat" || !run.scales[seen.metric];
    if ($(".v-legend").hidden) return;
    heat.legend(run, seen.metric, { ramp: $(".v-ramp"), ticks: $(".v-ticks"), heading: $(".v-legend-title"), note: $(".v-legend-note") });
  }

  // What a map is made of: B beside A, and how their pixels are read.
  const pair = () => ({ told, a: seen.a, b: seen.b, read: (kind) => pixelsOf(kind, told.pictures[kind]) });

  // [place, label, why there is none] of A or B.
  function picture(side) {
    if (seen.stage) {
      const stage = told.stages[facts.stageKeys(told.stages).indexOf(seen.stage)];
      if (side === "b") return [stage.picture, [name(stage.name), " of this run"], "no artefact"];
      if (stage.baseline) return [stage.baseline, [name(stage.name), stage.same ? " of the baseline, the same" : " of the baseline"], ""];
      const why = stage.same === false ? "The baseline's artefact of this stage differs, and its picture was not kept."
        : told.compared ? "The baseline has no artefact of this stage." : noBaseline();
      return [null, [name(stage.name), " of the baseline"], why];
    }
    const kind = seen[side];
    return [told.pictures[kind] ?? null, labelled(kind), absent(kind)];
  }

  const labelled = (kind) => [el("b", null, KINDS[kind][0]), " ", el("span", null, KINDS[kind][1])];

  function noBaseline() {
    return run.baseline ? "The baseline has no such case." : "This run was not compared with a baseline: `editproof baseline accept` makes one of a good run.";
  }

  function absent(kind) {
    if (told.pictures[kind]) return "";
    if (kind === "baseline") return told.compared ? "The baseline's picture of this case was not kept, or there was none." : noBaseline();
    if (kind === "actual" || kind === "difference") {
      if (told.error) return "None: the edit ended in an error.";
      if (told.state === "refused") return "None: the pipeline refused this edit.";
    }
    if (kind === "expected" || kind === "difference") return "None: there is no expected picture for this case.";
    return "This picture was not kept.";
  }

  function sheet(found, extra = {}) {
    return { images: [kit.image(found[0], { label: found[1].map((part) => part.textContent ?? part).join("") })], ...extra };
  }

  // Outlines, frames and the cursor, over a pane's pictures.
  function marks() {
    const outlines = seen.regions.map((region) => kit.image(told.outlines[region], { label: "" }));
    const shown = told.windows.map((window, at) => ({ ...window, letter: facts.letter(at) })).filter((_, at) => seen.boxes || at === seen.window);
    if (areas[seen.area - 1]) shown.push({ letter: `${seen.area}`, area: areas[seen.area - 1] });
    return { images: outlines, extra: [kit.frames(camera.size, shown, run.window, seen.cursor)], over: true, class: "v-marks" };
  }

  function build() {
    stopBlink();
    const { mode } = seen;
    box.className = "v-panes";
    box.dataset.mode = mode;
    const alone = (found) => kit.pane(found[0] ? { sheets: [sheet(found), marks()], label: found[1] } : { sheets: [], label: found[1], absent: found[2] });
    const [a, b] = [picture("a"), picture("b")];
    const missing = a[0] ? b : a;
    if (mode === "all") {
      const kinds = Object.keys(KINDS).filter((kind) => told.pictures[kind] || ["expected", "baseline", "actual"].includes(kind));
      panes = kinds.map((kind) => alone([told.pictures[kind] ?? null, labelled(kind), absent(kind)]));
    } else if (mode === "side") {
      panes = [alone(a), alone(b)];
    } else if (mode === "heat") {
      panes = [!b[0] || (heat.isOwn(seen.metric) && !a[0]) ? alone(missing) : heat.pane({
        run, told, metric: seen.metric, pair: pair(), under: sheet(b, { class: "v-greyed" }), marks: marks(),
        label: heat.isOwn(seen.metric) ? [...b[1], " beside ", ...a[1].slice(0, 1)] : b[1], ready: move,
        fail: (error) => said(error ? error.message : UNREADABLE),
      })];
    } else if (!a[0] || !b[0]) {
      panes = [alone(missing)];
    } else {
      const label = el("span", { class: "v-both" }, el("span", { class: "v-side-a" }, "A ", a[1]), el("span", { class: "v-side-b" }, "B ", b[1]));
      const second = { slider: "v-cut", blink: "v-blinking", onion: "v-onioned", diff: "v-subtract" }[mode];
      panes = [kit.pane({ sheets: [sheet(a, { class: "v-under" }), sheet(b, { class: second }), marks()], label, group: mode === "diff" ? "v-amplified" : null })];
    }
    box.style.setProperty("--panes", panes.length);
    box.replaceChildren(...panes.map((one) => one.root));
    if (mode === "slider" && panes[0].sheets.length > 1) panes[0].root.append(el("div", { class: "v-edge", "aria-hidden": "true" }));
    shownSide = seen.still || "b";
    settle();
  }

  // A picture that is seen whole needs no more room than it fills.
  function settle() {
    box.style.removeProperty("--tall");
    const root = panes[0]?.root;
    if (root) box.style.setProperty("--tall", `${Math.max(LEAST_ROOM_PX, camera.size[0] * kit.fitting(camera.size, root) + 2)}px`);
  }

  function amounts() {
    box.style.setProperty("--cut", `${seen.cut}%`);
    box.style.setProperty("--onion", seen.onion / 100);
    box.style.setProperty("--heat", seen.heat / 100);
  }

  function move() {
    let scale = 0;
    for (const one of panes) scale = one.place(camera) || scale;
    box.classList.toggle("v-fitted", camera.zoom === null);
    if (!scale) { $(".v-shown").textContent = ""; return; }
    const percent = 100 * scale;
    const text = percent < 10 ? percent.toFixed(1) : Math.round(percent);
    const reduced = scale * devicePixelRatio < 0.999;
    $(".v-shown").textContent = `shown at ${text}\u00a0%${reduced ? ", reduced: fine detail is lost. z shows every pixel" : ""}`;
    $(".v-shown").classList.toggle("v-reduced", reduced);
  }

  // ---- Blinking ----

  function blink() {
    if (seen.mode !== "blink") return stopBlink();
    if (seen.still) {
      stopBlink();
      shownSide = seen.still;
    } else {
      const pause = 1000 / seen.rate;
      if (timer && box.dataset.pause !== String(pause)) stopBlink();
      box.dataset.pause = pause;
      if (!timer) timer = setInterval(() => { shownSide = shownSide === "a" ? "b" : "a"; sides(); }, pause);
    }
    sides();
  }

  function sides() {
    box.dataset.side = shownSide;
  }

  function stopBlink() {
    clearInterval(timer);
    timer = 0;
  }

  // ---- Moving ----

  function see(next) {
    const [height, width] = next.size;
    const zoom = next.zoom === null ? "" : String(Number(next.zoom.toPrecision(4)));
    const at = (value, most) => String(Number(Math.min(most, Math.max(0, value)).toFixed(1)));
    state.set(zoom ? { zoom, y: at(next.y, height), x: at(next.x, width) } : { zoom: "", y: "", x: "" });
  }

  const scaleNow = () => Math.max(...panes.map((one) => (one.root.querySelector(".v-plane") ? one.scale(camera) : 0)), 0.01);

  function zoomBy(factor) {
    const next = scaleNow() * factor;
    const fit = kit.fitting(camera.size, panes[0].root);
    see({ ...camera, zoom: factor < 1 && next <= fit ? null : Math.min(kit.MOST_ZOOM, next) });
  }

  function pan(dy, dx, event) {
    if (seen.cursor) {
      const by = event.shiftKey ? 10 : 1;
      const [height, width] = camera.size;
      const next = [Math.min(height - 1, Math.max(0, seen.cursor[0] + dy * by)), Math.min(width - 1, Math.max(0, seen.cursor[1] + dx * by))];
      state.set({ cursor: next.join(",") });
      keepInSight(next);
      return;
    }
    if (camera.zoom === null) return;
    const by = (event.shiftKey ? 240 : 60) / camera.zoom;
    see({ ...camera, y: camera.y + dy * by, x: camera.x + dx * by });
  }

  // Keeps the cursor in sight.
  function keepInSight([y, x]) {
    if (camera.zoom === null || !panes.length) return;
    const root = panes[0].root;
    const reachY = root.clientHeight / 2 / camera.zoom - 2;
    const reachX = root.clientWidth / 2 / camera.zoom - 2;
    const nearY = Math.min(y + reachY, Math.max(y - reachY, camera.y));
    const nearX = Math.min(x + reachX, Math.max(x - reachX, camera.x));
    if (nearY !== camera.y || nearX !== camera.x) see({ ...camera, y: nearY, x: nearX });
  }

  function jump(at) {
    if (!told.windows.length) return;
    const index = (at + told.windows.length) % told.windows.length;
    const { y, x } = told.windows[index];
    const room = panes.length ? Math.min(panes[0].root.clientHeight, panes[0].root.clientWidth) : 400;
    const zoom = Math.max(1, Math.min(8, Math.round(room / (2.2 * run.window))));
    state.set({ window: index + 1, area: "", zoom, y, x });
    box.scrollIntoView({ block: "nearest" });
  }

  // To the next area where B differs from A.
  async function jumpArea(by) {
    if (seen.stage || !told.pictures[seen.a] || !told.pictures[seen.b]) return;
    const { id } = told;
    let found = null;
    try {
      found = await heat.areas(pair());
    } catch (error) {
      return said(error.message);
    }
    if (told?.id !== id) return;
    if (!found) return said(UNREADABLE);
    if (!found.length) return said(`${KINDS[seen.a][0]} and ${KINDS[seen.b][0].toLowerCase()} do not differ.`);
    areas = found;
    const next = seen.area ? ((seen.area - 1 + by + found.length) % found.length) + 1 : by > 0 ? 1 : found.length;
    const { top, left, bottom, right } = found[next - 1];
    const root = panes[0].root;
    const room = Math.min(root.clientHeight / (bottom - top), root.clientWidth / (right - left)) / 1.6;
    const zoom = Math.max(kit.fitting(camera.size, root), Math.min(8, room));
    state.set({ area: next, window: "", zoom: Number(zoom.toPrecision(3)), y: (top + bottom) / 2, x: (left + right) / 2 });
    said(`Changed area ${next} of ${found.length}`);
  }

  function toggleRegion(region) {
    const next = seen.regions.includes(region) ? seen.regions.filter((one) => one !== region) : [...seen.regions, region];
    state.set({ regions: next.join(",") });
  }

  function cut(event, one, asking = false) {
    if (seen.mode !== "slider" || !one.root.querySelector(".v-edge")) return false;
    const edges = one.root.getBoundingClientRect();
    const share = (100 * (event.clientX - edges.left)) / edges.width;
    const near = Math.abs(share - seen.cut) * edges.width / 100 < 24;
    if (asking) return near || camera.zoom === null;
    state.set({ cut: Number(Math.min(100, Math.max(0, share)).toFixed(1)) });
    return true;
  }

  // ---- Pixels, keys and gestures ----

  const readout = editproof.viewerReadout(section, () => ({ run, told, seen, camera, panes, pixelsOf, pointer, picture, pair: pair(), scale: scaleNow }));
  editproof.viewerKeys(section, () => ({ told, seen, camera, shownSide }), { step, see, zoomBy, pan, jump, jumpArea, toggleRegion, said });

  for (const field of ["a", "b", "metric"]) $(`[name=${field}]`).addEventListener("change", (event) => state.set({ [field]: event.target.value }));
  $("[name=amount]").addEventListener("input", (event) => state.set({ [AMOUNTS[seen.mode][0]]: event.target.value }));
  kit.gestures(box, {
    view: () => camera,
    panes: () => panes,
    see,
    cut,
    hover: (y, x, one, event) => {
      if (!told) return;
      pointer = y === null || event.pointerType === "touch" && !event.isPrimary ? null : [y, x, one];
      readout();
    },
  });
  new ResizeObserver(() => { if (told && panes.length && !section.hidden) { settle(); move(); } }).observe(box);
  calm.addEventListener("change", () => { if (told) update(); });
  addEventListener("scroll", () => {
    pointer = null;
    if (told && seen.loupe) readout();
  }, { passive: true });
  document.addEventListener("DOMContentLoaded", () => state.subscribe(follow)); // by then the list has its cases
})();
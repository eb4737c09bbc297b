// The viewer: one case over the front page. What is seen is in the address, so that it can be sent to somebody:
// case, mode, a, b, metric, stage, zoom, y, x, window, area, boxes, regions, cursor, loupe, and of each mode its amount
// (cut, rate, onion, heat) and whether the blinking stands still, and on which picture (still).
"use strict";

(() => {
  const { el, name, prose, state, panes: kit, caseFacts: facts, heat } = editproof;
  const OWN = ["case", "mode", "a", "b", "metric", "stage", "zoom", "y", "x", "window", "area", "boxes", "regions", "cursor", "loupe", "cut", "rate", "onion", "heat", "still"];
  const KEPT = ["mode", "a", "b", "metric", "boxes", "regions", "loupe", "cut", "rate", "onion", "heat"]; // from case to case
  const MODES = ["all", "side", "slider", "blink", "onion", "diff", "heat"];
  const KINDS = {
    input: ["Input", "what the pipeline was given"],
    expected: ["Expected", "the right answer"],
    baseline: ["Baseline", "what was accepted"],
    also_1: ["Baseline, 2nd", "accepted as well"],
    also_2: ["Baseline, 3rd", "accepted as well"],
    also_3: ["Baseline, 4th", "accepted as well"],
    actual: ["This run", "what the pipeline made"],
    difference: ["Difference", "ΔE00 from expected"],
    regions: ["Regions", "where each number is taken"],
    overlay: ["Overlay", "alpha of what must go"],
  };
  const AMOUNTS = { // mode -> [key, label, least, most, step, at first, unit]
    slider: ["cut", "Edge", 0, 100, 0.5, 50, "%"],
    blink: ["rate", "Rate", 0.5, 6, 0.5, 2, "/s"],
    onion: ["onion", "B over A", 0, 100, 1, 50, "%"],
    heat: ["heat", "Opacity", 0, 100, 1, 75, "%"],
  };
  const REGIONS = { edit: "Edit", ring: "Ring", protect: "Protect", seams: "Seams", border: "Border" };
  const CHANGED = ["regressed", "traded", "underpowered", "changed", "not judged", "waived", "improved", "invisible"]; // beside the baseline
  const LOUPE_PX = 132;
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

  // The state with everything that it leaves open filled in.
  function complete(now) {
    const metrics = heat.metricsOf(told);
    const failed = told.findings.map((finding) => finding.metric).filter((metric) => metrics.includes(metric));
    const has = (kind) => Boolean(told.pictures[kind]);
    const mode = MODES.includes(now.mode) ? now.mode : "side";
    const stage = facts.stageKeys(told.stages).includes(now.stage) ? now.stage : "";
    const amounts = Object.values(AMOUNTS).map(([key, , least, most, , first]) => [key, within(now[key], least, most, first)]);
    return {
      mode,
      a: now.a in KINDS ? now.a : [CHANGED.includes(told.state) ? "baseline" : "expected", "expected", "baseline", "input"].find(has) ?? "expected",
      b: now.b in KINDS ? now.b : ["actual", "input"].find(has) ?? "actual",
      metric: metrics.includes(now.metric) ? now.metric : failed[0] ?? ["lpips", "delta_e00"].find((metric) => metrics.includes(metric)) ?? metrics[0] ?? "",
      stage,
      window: now.window !== undefined && told.windows[Number(now.window) - 1] ? Number(now.window) - 1 : -1,
      area: Number.parseInt(now.area, 10) || 0,
      boxes: now.boxes === "1",
      regions: (now.regions ?? "").split(",").filter((region) => told.outlines[region]),
      cursor: place(now.cursor),
      loupe: now.loupe === "1",
      still: ["a", "b"].includes(now.still) ? now.still : calm.matches && now.still !== "no" ? "b" : "",
      ...Object.fromEntries(amounts),
    };
  }

  function within(text, least, most, first) {
    const value = Number.parseFloat(text);
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : first;
  }

  function place(text) {
    const [y, x] = (text ?? "").split(",").map((part) => Number.parseInt(part, 10));
    const [height, width] = camera.size;
    return Number.isInteger(y) && Number.isInteger(x) && y >= 0 && x >= 0 && y < height && x < width ? [y, x] : null;
  }

  function update() {
    const now = state.get();
    const before = `${seen.a} ${seen.b}`;
    seen = complete(now);
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
        fail: (error) => said(error ? error.message : unreadable()),
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
    if (!found) return said(unreadable());
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

  // ---- Pixels and loupe ----

  let asking = 0;
  async function readout() {
    const turn = (asking += 1);
    const at = pointer ?? (seen.cursor ? [seen.cursor[0] + 0.5, seen.cursor[1] + 0.5, panes[0]] : null);
    const [height, width] = camera.size;
    const inside = at && at[0] >= 0 && at[1] >= 0 && at[0] < height && at[1] < width;
    $(".v-where").textContent = inside ? `y ${Math.floor(at[0])}, x ${Math.floor(at[1])}` : "";
    magnify(inside ? at : null);
    const body = $(".v-readout tbody");
    if (!inside) {
      body.replaceChildren();
      $(".v-delta").textContent = "Point at a picture, or press c for a cursor that the arrow keys move.";
      return;
    }
    const sides = seen.stage ? [] : seen.mode === "heat" ? ["b"] : ["a", "b"];
    const kinds = sides.map((side) => seen[side]);
    const read = await Promise.all(kinds.map((kind) => pixelsOf(kind, told.pictures[kind])));
    if (turn !== asking) return;
    const colours = read.map((pixels) => pixels && editproof.pixelAt(pixels, at[0] / height, at[1] / width));
    body.replaceChildren(...colours.map((rgb, index) => rgb && line(kinds[index], rgb)).filter(Boolean));
    if (colours.length === 2 && colours[0] && colours[1]) {
      const delta = editproof.colour.deltaE00(...colours.map(editproof.colour.lab));
      $(".v-delta").replaceChildren(el("b", null, `ΔE00 ${delta.toFixed(2)}`), delta === 0 ? " equal" : delta < 1 ? " hardly visible" : "");
    } else {
      const unread = kinds.some((kind, index) => told.pictures[kind] && !colours[index]);
      $(".v-delta").textContent = seen.stage ? "Pixels of a stage's artefact are not read." : unread ? unreadable() : "";
    }
    if (seen.mode === "heat") mapValue(at, turn);
  }

  function line(kind, rgb) {
    const lab = editproof.colour.lab(rgb);
    return el("tr", null, el("th", { scope: "row" }, KINDS[kind][0]), rgb.map((level) => el("td", { class: "n" }, level)),
      lab.map((value) => el("td", { class: "n" }, value.toFixed(1).replace(/^-(?=0\.0$)/, "").replace("-", "−"))));
  }

  function unreadable() {
    return "A page that was opened as a file may not read these pixels. `editproof report --serve` shows this report with the maps and pixels of every case.";
  }

  async function mapValue(at, turn) {
    const [height, width] = camera.size;
    const value = await heat.valueAt([at[0] / height, at[1] / width], { run, told, metric: seen.metric, pair: pair(), read: pixelsOf });
    if (value === null || turn !== asking) return;
    $(".v-delta").replaceChildren(el("b", null, `${heat.title(run, seen.metric)} ${Number(value.toPrecision(3))} ${run.scales[seen.metric].unit}`.replace("-", "−")), " here");
  }

  function magnify(at) {
    loupe.hidden = !seen.loupe || !at;
    if (loupe.hidden) return;
    const [height, width] = camera.size;
    const strength = Math.max(8, Math.min(32, Math.round(scaleNow() * 2)));
    const [y, x] = [Math.floor(at[0]) + 0.5, Math.floor(at[1]) + 0.5];
    const sides = seen.mode === "heat" ? ["b"] : ["a", "b"];
    loupe.replaceChildren(...sides.map((side) => [side, picture(side)]).filter(([, found]) => found[0]).map(([, found]) => el("figure", null,
      el("div", { class: "v-lens", style: {
        "background-image": `url("${editproof.url(found[0][0])}")`,
        "background-size": `${width * strength}px ${height * strength}px`,
        "background-position": `${LOUPE_PX / 2 - x * strength}px ${LOUPE_PX / 2 - y * strength}px`,
        "--dot": `${strength}px`,
      } }),
      el("figcaption", null, seen.stage ? found[1].map((part) => part.cloneNode?.(true) ?? part) : found[1][0].textContent))));
    const [top, left] = (at[2] ?? panes[0]).screen([y, x], camera);
    const wide = loupe.offsetWidth;
    const tall = loupe.offsetHeight;
    loupe.style.left = `${Math.max(8, Math.min(innerWidth - wide - 8, left + 28 + wide > innerWidth ? left - wide - 28 : left + 28))}px`;
    loupe.style.top = `${Math.max(8, Math.min(innerHeight - tall - 8, top + 28 + tall > innerHeight ? top - tall - 28 : top + 28))}px`;
  }

  // ---- Keys ----

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
    const amount = AMOUNTS[seen.mode];
    if (!amount) return;
    const [key, , least, most] = amount;
    const by = key === "rate" ? 0.5 : 5;
    state.set({ [key]: Math.min(most, Math.max(least, seen[key] + way * by)) });
  }

  function choose(side, kind) {
    if (told.pictures[kind]) state.set({ [side]: kind, stage: "" });
  }

  function stageBy(by) {
    const list = ["", ...facts.stageKeys(told.stages).filter((_, at) => told.stages[at].picture)];
    state.set({ stage: nextOf(list, seen.stage, by), mode: ["all", "heat"].includes(seen.mode) ? "side" : seen.mode });
  }

  function metricBy(by) {
    const list = heat.metricsOf(told);
    if (list.length) state.set({ mode: "heat", metric: seen.mode === "heat" ? nextOf(list, seen.metric, by) : seen.metric });
  }

  function toggleCursor() {
    const [height, width] = camera.size;
    const at = camera.zoom === null ? [height / 2, width / 2] : [camera.y, camera.x];
    state.set({ cursor: seen.cursor ? "" : at.map(Math.floor).join(",") });
  }

  const flip = () => state.set({ still: shownSide === "a" ? "b" : "a" });
  const pause = () => state.set({ still: seen.still ? (calm.matches ? "no" : "") : shownSide });
  const setMode = (mode) => { if (mode !== "heat" || heat.metricsOf(told).length) state.set({ mode }); };
  const all = () => Object.keys(told.outlines);
  const DO = {
    back, copy, flip, pause,
    leave: () => state.set({ stage: "" }),
    before: () => step(-1),
    after: () => step(1),
    keys: () => (keys.open ? keys.close() : keys.showModal()),
    out: () => zoomBy(1 / 1.5),
    in: () => zoomBy(1.5),
    fit: () => see({ ...camera, zoom: null }),
    one: () => see({ ...camera, zoom: 1 }),
    swap: () => state.set({ a: seen.b, b: seen.a }),
    cursor: toggleCursor,
    loupe: () => state.set({ loupe: seen.loupe ? "" : "1" }),
    regions: () => state.set({ regions: seen.regions.length ? "" : all().join(",") }),
    boxes: () => state.set({ boxes: seen.boxes ? "" : "1" }),
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
      ["space f", "stop or start blinking; the other picture", { " ": () => { if (seen.mode === "blink") pause(); }, f: () => { if (seen.mode === "blink") flip(); } }],
    ]],
    ["Moving", [
      ["+ − 0", "zoom in, out, fit; also wheel, pinch, double click", { "+": DO.in, "=": DO.in, "-": DO.out, "−": DO.out, 0: DO.fit }],
      ["z", "one pixel a pixel", { z: DO.one }],
      ["← ↑ → ↓", "move, or move the cursor; with Shift further", {
        ArrowLeft: (event) => pan(0, -1, event), ArrowRight: (event) => pan(0, 1, event), ArrowUp: (event) => pan(-1, 0, event), ArrowDown: (event) => pan(1, 0, event) }],
      ["J K", "next, previous area where B differs from A", { J: () => jumpArea(1), K: () => jumpArea(-1) }],
      ["w W", "next, previous worst window", { w: () => jump(seen.window + 1), W: () => jump(seen.window < 0 ? -1 : seen.window - 1) }],
    ]],
    ["Looking closer", [
      ["c", "cursor on or off: its pixel is read", { c: DO.cursor }],
      ["l", "loupe on or off", { l: DO.loupe }],
      ["r", "all regions on or off", { r: DO.regions }],
      ["E R P S B", "outline of edit, ring, protect, seams, border", Object.fromEntries(Object.entries(REGIONS).map(([region, label]) => [label[0], () => { if (told.outlines[region]) toggleRegion(region); }]))],
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

// What can be seen of a case: its pictures by kind, the modes and their amounts, and the state with all that it leaves open.
"use strict";

(() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const { caseFacts: facts, heat } = editproof;
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

  const UNREADABLE = "A page that was opened as a file may not read these pixels. `editproof report --serve` shows this report with the maps and pixels of every case.";

  // The state with everything that it leaves open filled in.
  function complete(now, told, size) {
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
      cursor: place(now.cursor, size),
      loupe: now.loupe === "1",
      still: ["a", "b"].includes(now.still) ? now.still : calm.matches && now.still !== "no" ? "b" : "",
      ...Object.fromEntries(amounts),
    };
  }

  function within(text, least, most, first) {
    const value = Number.parseFloat(text);
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : first;
  }

  function place(text, [height, width]) {
    const [y, x] = (text ?? "").split(",").map((part) => Number.parseInt(part, 10));
    return Number.isInteger(y) && Number.isInteger(x) && y >= 0 && x >= 0 && y < height && x < width ? [y, x] : null;
  }

  editproof.viewerState = { OWN, KEPT, MODES, KINDS, AMOUNTS, REGIONS, UNREADABLE, complete, within };
})();

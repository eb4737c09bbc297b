// Maps over a picture: those that the page makes of A and B, and those that were drawn of this run and what was expected.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, maps, panes: kit } = editproof;
  const BASES = ["expected", "baseline", "also_1", "also_2", "also_3"];

  const isOwn = (metric) => maps.metrics.includes(metric); // made by the page

  // The metrics that have a map of a case.
  const metricsOf = (told) => [...(told.pictures.actual && BASES.some((kind) => told.pictures[kind]) ? maps.metrics : []), ...Object.keys(told.maps)];

  const title = (run, metric) => run.scales[metric]?.title ?? run.metrics[metric]?.title ?? metric;

  const palette = (run, metric) => run.palettes[run.scales[metric].better === "zero" ? "diverging" : "sequential"];

  // What is asked of the worker: `what` of B beside A, whose pixels `read(kind)` promises. Null where this page may not read them.
  async function ask(what, { told, a, b, read }) {
    const [one, other] = await Promise.all([read(a), read(b)]);
    if (!one || !other) return null;
    if (one.width !== other.width || one.height !== other.height) throw new Error("The two pictures differ in size, so there is no map of them.");
    const plane = await maps.make(`${told.id} ${a} ${b}`, what, one, other);
    return { plane, height: other.height, width: other.width };
  }

  // The pane of a map. `under` is the sheet of B, `marks` what lies over it; `ready` is called when the map is there, `fail` with
  // what is wrong where there is none.
  function pane({ run, told, metric, pair, under, marks, label, ready, fail }) {
    const caption = [...label, ` · ${title(run, metric)}`];
    if (!isOwn(metric)) return kit.pane({ sheets: [under, { images: [kit.image(told.maps[metric], { label: "Heat map" })], class: "v-map" }, marks], label: caption });
    const holder = el("canvas", { role: "img", "aria-label": `Heat map: ${title(run, metric)}`, "data-width": 1 });
    ask(metric, pair).then((found) => {
      if (!holder.isConnected) return;
      if (!found) return fail(null);
      const drawn = maps.paint(found.plane, found.height, found.width, run.scales[metric], palette(run, metric));
      for (const name of ["role", "aria-label"]) drawn.setAttribute(name, holder.getAttribute(name));
      drawn.dataset.width = found.width;
      holder.replaceWith(drawn);
      ready();
    }).catch((error) => { if (holder.isConnected) fail(error); });
    return kit.pane({ sheets: [under, { images: [holder], class: "v-map" }, marks], label: caption });
  }

  // The value of a map at a place given as shares of height and width; null where it is not known.
  async function valueAt([v, u], { run, told, metric, pair, read }) {
    const scale = run.scales[metric];
    if (!scale) return null;
    if (isOwn(metric)) {
      const found = await ask(metric, pair).catch(() => null);
      if (!found) return null;
      const row = Math.min(found.height - 1, Math.floor(v * found.height));
      return found.plane[row * found.width + Math.min(found.width - 1, Math.floor(u * found.width))];
    }
    const pixels = await read("map", told.maps[metric]);
    if (!pixels) return null;
    const hex = editproof.pixelAt(pixels, v, u).map((level) => level.toString(16).padStart(2, "0")).join("");
    const colours = palette(run, metric);
    const level = Array.from({ length: 256 }, (_, at) => colours.slice(6 * at, 6 * at + 6)).indexOf(hex);
    if (level < 0) return null; // a map that was packed with losses
    const share = level / 255;
    return scale.better === "higher" ? scale.high - share * (scale.high - scale.low) : scale.low + share * (scale.high - scale.low);
  }

  // Fills the legend's parts.
  function legend(run, metric, { ramp, ticks, heading, note }) {
    const scale = run.scales[metric];
    const colours = Array.from({ length: 17 }, (_, at) => `#${palette(run, metric).slice(6 * Math.min(255, at * 16), 6 * Math.min(255, at * 16) + 6)}`);
    const flipped = scale.better === "higher"; // the dark end is harmless
    ramp.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
    const unit = scale.unit && scale.unit !== "ΔE00" ? ` ${scale.unit}` : "";
    const short = (value) => `${Number(value.toPrecision(3))}`.replace("-", "−");
    const ends = flipped ? [scale.high, (scale.low + scale.high) / 2, scale.low] : [scale.low, (scale.low + scale.high) / 2, scale.high];
    ticks.replaceChildren(...ends.map((value) => el("span", null, `${short(value)}${unit}`)));
    heading.textContent = `${title(run, metric)}${unit ? `,${unit}` : ""}`;
    const good = scale.better === "zero" ? "Dark is unchanged; the two colours are the two directions." : "Dark is harmless, bright is damage.";
    const reach = isOwn(metric) ? "Your browser made this map of A and B. Its scale is the same in every run."
      : `One scale for all cases of this run: 99.5 % of the damaged pixels of ${scale.cases} ${scale.cases === 1 ? "case" : "cases"} lie within it.`;
    note.textContent = `${good} ${reach}`;
  }

  // The areas where B differs from A, the most different first: [{ top, left, bottom, right }]. Null: this page may not read them.
  async function areas(pair) {
    const found = await ask("areas", pair);
    if (!found) return null;
    return Array.from({ length: found.plane.length / 4 }, (_, at) => {
      const [top, left, bottom, right] = found.plane.subarray(4 * at, 4 * at + 4);
      return { top, left, bottom, right };
    });
  }

  editproof.heat = { metricsOf, isOwn, title, pane, valueAt, legend, areas };
})();

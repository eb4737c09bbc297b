// The charts of a history. They are drawn a few at a time: a suite has hundreds of series.
"use strict";

(() => {
  const { el, svg, name } = editproof;
  const AT_A_TIME = 24;
  const HEIGHT = 100;
  const LEAST_RANGE = 1; // margins: less is not stretched to the full height

  const unpack = (values) => values.flatMap((one) => (Array.isArray(one) ? Array(one[1]).fill(one[0]) : [one]));

  function scale(values, noise, limits) {
    const known = values.filter((value) => value !== null);
    const low = Math.min(...known) - noise;
    const high = Math.max(...known, ...limits.filter((value) => value !== null && value !== undefined)) + noise;
    const room = Math.max(LEAST_RANGE - (high - low), 0) / 2;
    const [bottom, span] = [low - room, high - low + 2 * room];
    return (value) => HEIGHT - ((value - bottom) / span) * HEIGHT;
  }

  // The limit of each night: a margin worse than what was accepted. It is level over a night, and has a step between two.
  function limitPath(limits, y) {
    return limits.map((value, night) => {
      if (value === null) return "";
      const begins = night === 0 || limits[night - 1] === null;
      return `${begins ? `M${night} ` : "V"}${y(value).toFixed(2)}H${night + 1}`;
    }).join("");
  }

  // One path; a gap, or a new segment, begins another line.
  function path(values, breaks, y) {
    let pen = "M";
    return values.map((value, night) => {
      if (breaks.has(night)) pen = "M";
      if (value === null) { pen = "M"; return ""; }
      const step = `${pen}${night + 0.5} ${y(value).toFixed(2)}h.01`;
      pen = "L";
      return step;
    }).join("");
  }

  // The noise around the mean of each level: between changes and segments.
  function bands(values, edges, noise, y) {
    return edges.slice(1).map((end, at) => {
      const own = values.slice(edges[at], end).filter((value) => value !== null);
      if (!own.length) return null;
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      return svg("rect", { class: "band", x: edges[at], width: end - edges[at], y: y(mean + 2 * noise), height: Math.max(y(mean - 2 * noise) - y(mean + 2 * noise), 1) });
    });
  }

  const waiversOf = ({ name: [family, model] }, waivers) => waivers.filter((one) => one.families.includes(family) && one.models.includes(model));

  function draw(series, { nights, baselines, waivers }) {
    const values = unpack(series.values);
    const limits = unpack(series.limits ?? []);
    const noise = series.noise ?? 0;
    const y = scale(values, 2 * noise, limits);
    const waived = waiversOf(series, waivers);
    const points = series.points ?? [];
    const segments = series.segments ?? [];
    const starts = [...points, ...segments].map(([night]) => night);
    const edges = [...new Set([0, ...starts, values.length])].sort((a, b) => a - b);
    const tone = (worse) => (worse ? "bad" : "good");
    const words = series.events ?? ["nothing changed"];
    return svg("svg", { viewBox: `0 0 ${values.length} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${series.name.join(", ")}: ${words.join("; ")}` },
      bands(values, edges, noise, y),
      (series.drifts ?? []).map(([since, night, worse]) => svg("rect", { class: "drift", "data-tone": tone(worse), x: since + 0.5, width: night - since, y: 0, height: HEIGHT, opacity: 0.6 })),
      segments.map(([night, changed]) => svg("line", { class: "segment", x1: night, x2: night, y1: 0, y2: HEIGHT }, svg("title", null, changed))),
      limits.length ? svg("path", { class: "limit", d: limitPath(limits, y) }) : null,
      svg("path", { class: "path", d: path(values, new Set(segments.map(([night]) => night)), y) }),
      points.map(([night, worse]) => svg("line", { class: "change", "data-tone": tone(worse), x1: night, x2: night, y1: 0, y2: HEIGHT })),
      nights.map((night, at) => {
        const score = values[at] === null || values[at] === undefined ? "not measured" : `${values[at]} margins`;
        const mark = svg("rect", { class: "night", x: at, width: 1, y: 0, height: HEIGHT }, svg("title", null, `${night.day}: ${score}, ${night.said}${night.commit ? `, ${night.commit}` : ""}`));
        return night.report ? svg("a", { href: night.report }, mark) : mark;
      }),
      baselines.map((night) => svg("path", { class: "accepted", d: `M${night} 0v8` }, svg("title", null, `${nights[night].day}: another baseline`))),
      waived.map(({ nights: [from, to], text }) => svg("rect", { class: "waived", x: from, width: to - from, y: HEIGHT - 5, height: 5 }, svg("title", null, `waived: ${text}`))));
  }

  function marks(series, { baselines, waivers }) {
    const own = waiversOf(series, waivers);
    return [
      series.limits && el("span", null, el("i", { class: "key limit" }), "limit: a margin worse than the baseline"),
      baselines.length > 0 && el("span", null, el("i", { class: "key accepted" }), "another baseline"),
      own.length > 0 && el("span", { title: own.map(({ text }) => text).join("\n") }, el("i", { class: "key waived" }), "waived"),
    ].filter(Boolean);
  }

  function pictures([path, words]) {
    return el("figure", null,
      el("img", { src: path, width: 440, height: 144, loading: "lazy", decoding: "async", alt: `before, after and difference of ${words}` }),
      el("figcaption", null, el("span", null, "before"), el("span", null, "after"), el("span", null, "difference ×16"), name(words)));
  }

  function card(series, data) {
    const { nights } = data;
    const keys = marks(series, data);
    return el("article", { class: "series" },
      el("h3", null, name(series.name.join(" · "))),
      draw(series, data),
      el("p", { class: "ends" }, el("span", null, nights[0].day), el("span", null, nights[nights.length - 1].day)),
      keys.length ? el("p", { class: "marks" }, keys) : null,
      series.events && el("ul", null, series.events.map((event) => el("li", null, name(event)))),
      series.strips && el("div", { class: "points" }, series.strips.map(pictures)));
  }

  editproof.showHistory = (data) => {
    const { series } = data;
    const [charts, more, find, shown] = ["charts", "more", "find", "shown"].map((id) => document.getElementById(id));
    let chosen = series;
    let drawn = 0;
    const next = () => {
      charts.append(...chosen.slice(drawn, drawn + AT_A_TIME).map((one) => card(one, data)));
      drawn = Math.min(drawn + AT_A_TIME, chosen.length);
      more.hidden = drawn === chosen.length;
      shown.textContent = `${drawn} of ${chosen.length} series`;
    };
    find.addEventListener("input", () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      chosen = series.filter((one) => words.every((word) => one.name.join(" ").toLowerCase().includes(word)));
      charts.replaceChildren();
      drawn = 0;
      next();
    });
    more.addEventListener("click", next);
    next();
  };
})();

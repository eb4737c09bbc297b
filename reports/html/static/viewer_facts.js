// What the viewer says of a case in words and numbers: heading, findings, worst windows, stages, table, how it was made.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, name, prose } = editproof;
  const WORDS = {
    error: "Error", refused: "Refused", needs_review: "Needs review", regressed: "Regressed", traded: "Traded", underpowered: "Perhaps worse",
    changed: "Changed", "not judged": "Not judged", waived: "Waived", missing: "Not run", improved: "Improved", invisible: "Changed invisibly",
    unchanged: "Unchanged", done: "Done",
  };
  const TERMS = { // in the glossary
    refused: "refused", needs_review: "review", regressed: "regressed", traded: "traded", underpowered: "underpowered", changed: "changed",
    "not judged": "not judged", waived: "waived", improved: "improved", invisible: "invisible", unchanged: "unchanged",
  };
  const FEW = 1e-9;

  // As the rest of the report writes numbers: two decimals with a unit, four without.
  function number(value, unit = "") {
    if (value === null || value === undefined) return "—";
    const text = value.toFixed(unit ? 2 : 4);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  const quantity = (value, unit) => (unit && unit !== "ΔE00" ? `${number(value, unit)}\u00a0${unit}` : number(value, unit));
  const change = (value, unit) => (value > 0 ? `+${number(value, unit)}` : number(value, unit));

  const title = (told) => [name(`${told.family}/${told.name}`), " · ", name(told.model), ` · ${told.try}`];

  function heading(told) {
    const state = el("span", null, el("span", { class: "badge", "data-state": told.state }, WORDS[told.state] ?? name(told.state)), TERMS[told.state] ? editproof.what(TERMS[told.state]) : null);
    const params = Object.entries(told.params).map(([key, value]) => el("div", null, el("dt", null, name(key)), el("dd", null, name(String(value)))));
    return [
      state,
      told.reason && !told.error ? el("p", { class: "v-reason" }, el("bdi", null, prose(told.reason))) : null,
      params.length ? el("dl", { class: "v-params" }, params) : null,
      editproof.nights?.about(told.id) ?? null,
    ].filter(Boolean);
  }

  function trouble(told) {
    if (!told.error) return [];
    return [
      el("div", { class: "v-error" },
        el("h2", null, name(told.error.kind)),
        el("p", null, el("bdi", null, prose(told.error.message))),
        told.error.traceback ? el("details", null, el("summary", null, "Traceback"), el("pre", { tabindex: "0", "aria-label": "Traceback" }, told.error.traceback)) : null),
    ];
  }

  // How visible the difference from the accepted picture is, and the findings that count this case; `see(metric)` shows where
  // the metric sees it.
  function findings(told, see) {
    const lines = told.findings.map((finding) => el("li", null,
      outcome(finding.outcome),
      el("span", { class: "v-said" }, el("b", null, name(finding.words)), ` ${[finding.seen, finding.stage && `first at ${finding.stage}`].filter(Boolean).join(" · ")}`,
        finding.number ? el("span", { class: "v-number quiet" }, name(finding.number)) : null),
      editproof.heat.metricsOf(told).includes(finding.metric) ? el("button", { type: "button", onclick: () => see(finding.metric) }, "Heat map") : null));
    const many = lines.length > 3;
    return [
      beside(told.change),
      lines.length ? el("ul", { class: "v-named", "aria-label": "Findings that count this case" }, many ? lines.slice(0, 2) : lines) : null,
      many ? el("details", { class: "v-more" }, el("summary", null, `${lines.length - 2} more findings count this case`), el("ul", { class: "v-named" }, lines.slice(2))) : null,
    ].filter(Boolean);
  }

  // How visible the difference from the accepted picture is.
  function beside(change) {
    if (!change) return null;
    return el("p", { class: "v-change-seen" }, "Beside the accepted picture: ", el("b", null, change.seen),
      `, ${change.whole} JOD over the whole picture and ${change.worst} in the worst window. `, el("span", { class: "quiet" }, change.about), editproof.what("JOD"));
  }

  const outcome = (word) => el("span", { class: "badge", "data-outcome": word }, word.charAt(0).toUpperCase() + word.slice(1));

  const unitOf = (about, stat) => about.units?.[stat] ?? about.unit;

  function windows(told, run, jump) {
    return told.windows.map((window, at) => {
      const worst = window.worst.map(([metric, region, value, stat], index) => {
        const about = run.metrics[metric] ?? { title: metric, unit: "" };
        return el("span", { class: "v-worst" }, `${about.title} ${quantity(value, unitOf(about, stat))}`, el("span", { class: "quiet" }, ` in ${region}`), index < window.worst.length - 1 ? "," : "");
      });
      return el("li", null, el("button", { type: "button", "data-window": at, onclick: () => jump(at) },
        el("b", null, letter(at)), el("span", null, worst, el("span", { class: "quiet v-place" }, `y ${window.y}, x ${window.x}`))));
    });
  }

  const letter = (at) => String.fromCharCode(65 + (at % 26));

  // Stages that occur twice, as after a redo, are told apart by their turn.
  function stageKeys(stages) {
    const seen = new Map();
    return stages.map(({ name: own }) => {
      const turn = (seen.get(own) ?? 0) + 1;
      seen.set(own, turn);
      return turn === 1 ? own : `${own}~${turn}`;
    });
  }

  function stages(told, show) {
    const keys = stageKeys(told.stages);
    const longest = Math.max(...told.stages.map((stage) => stage.seconds), FEW);
    return told.stages.map((stage, at) => {
      const compared = stage.same === null ? null
        : stage.same ? el("span", { class: "v-same" }, "= baseline") : el("span", { class: "v-differs" }, "≠ baseline");
      const thumb = stage.picture
        ? el("img", { src: editproof.url(stage.picture[0]), width: stage.picture[1], height: stage.picture[2], alt: "", loading: "lazy", decoding: "async" })
        : el("span", { class: "v-none" }, "no artefact");
      return el("li", null, el("button", { type: "button", "data-stage": keys[at], disabled: !stage.picture, title: stage.picture ? "Show this stage's artefact" : null, onclick: () => show(keys[at]) },
        el("span", { class: "v-thumb" }, thumb),
        el("span", { class: "v-stage-name" }, name(stage.name), compared),
        el("span", { class: "v-time" }, el("span", { class: "v-time-bar", style: { width: `${Math.max(1, (100 * stage.seconds) / longest)}%` } }), el("span", null, `${stage.seconds.toFixed(3)} s`)),
        el("span", { class: "v-decision" }, name(stage.decision)),
        stage.decided !== null ? el("span", { class: "v-decision quiet" }, "baseline: ", name(stage.decided || "nothing said")) : null));
    });
  }

  // How much worse a value is than the baseline's; above 0: worse.
  const worse = (better, now, then) => ({ higher: then - now, lower: now - then, zero: Math.abs(now) - Math.abs(then) })[better];

  // All numbers: regions across, a line for each metric and statistic, the change since the baseline beneath the value.
  function table(told, run, changedOnly) {
    const past = new Map(told.findings.map((finding) => [`${finding.metric} ${finding.stat} ${finding.region}`, finding]));
    const compared = told.numbers.some((line) => line[3]);
    const groups = new Map();
    for (const line of told.numbers) {
      if (changedOnly && !moved(line)) continue;
      if (!groups.has(line[0])) groups.set(line[0], []);
      groups.get(line[0]).push(line);
    }
    const bodies = [...groups].map(([metric, lines]) => {
      const about = run.metrics[metric] ?? { title: metric, identity: metric, unit: "", better: "lower" };
      return el("tbody", null, lines.map((line, at) => el("tr", null,
        at === 0 ? el("th", { scope: "rowgroup", rowspan: lines.length, title: about.identity }, about.title, about.unit && about.unit !== about.title ? el("span", { class: "quiet" }, ` ${about.unit}`) : null) : null,
        el("th", { scope: "row" }, line[1].replaceAll("_", " "), unitOf(about, line[1]) !== about.unit ? el("span", { class: "quiet" }, ` ${unitOf(about, line[1]) || "of 1"}`) : null),
        told.regions.map((region, column) => cell(line, column, about, past.get(`${metric} ${line[1]} ${region}`))))));
    });
    const head = el("thead", null, el("tr", null, el("th", { scope: "col" }, "Metric", editproof.what("metric")), el("th", { scope: "col" }, "Statistic"), told.regions.map((region) => el("th", { scope: "col", class: "n" }, region, editproof.what(region)))));
    const caption = el("caption", null, compared
      ? "Beneath each value its change since the baseline; = is none."
      : run.baseline ? "The baseline has no such case: there is nothing to compare with." : "This run was not compared with a baseline.");
    return bodies.length ? el("table", { class: "v-scores" }, caption, head, bodies) : el("p", { class: "quiet" }, "No number differs from the baseline's.");
  }

  const moved = (line) => line[3] && line[2].some((value, at) => value !== null && line[3][at] !== null && value !== line[3][at]);

  function cell(line, column, about, finding) {
    const [, stat, now, then, notes] = line;
    const unit = unitOf(about, stat);
    const note = notes ? notes[column] : 0;
    const parts = [now[column] === null ? (note ? "—" : "") : number(now[column], unit)];
    if (note) parts.push(el("sup", null, el("a", { href: `#v-note-${note}`, onclick: (event) => { event.preventDefault(); document.getElementById(`v-note-${note}`).focus(); } }, note)));
    if (then && then[column] !== null && now[column] !== null) {
      const bad = worse(about.better, now[column], then[column]);
      const text = change(now[column] - then[column], unit);
      const nothing = Math.abs(bad) < FEW || Number(number(now[column] - then[column], unit).replace("−", "-")) === 0;
      parts.push(el("span", { class: nothing ? "v-change" : bad > 0 ? "v-change worse" : "v-change better" }, nothing ? "=" : `${text} ${bad > 0 ? "worse" : "better"}`));
    }
    const attributes = { class: finding && finding.worse ? "n past" : "n" };
    if (finding) attributes.title = finding.text;
    return el("td", attributes, parts);
  }

  function notes(told, run) {
    const titles = (metrics) => metrics.map((metric) => run.metrics[metric]?.title ?? metric).join(", ");
    return [
      ...told.notes.map((note, at) => el("li", { id: `v-note-${at + 1}`, tabindex: "-1" }, "Not measured: ", el("bdi", null, prose(note)))),
      ...Object.entries(told.unmeasured).map(([reason, metrics]) => el("li", { class: "v-unnumbered" }, `${titles(metrics)}: `, name(reason))),
    ];
  }

  function pairs(entries) {
    return el("dl", { class: "v-pairs" }, entries.map(([key, value]) => el("div", null, el("dt", null, name(key)), el("dd", null, name(String(value))))));
  }

  function made(told) {
    const config = Object.entries(told.config);
    return [
      pairs([
        ["case", told.id],
        ["pipeline", told.spec],
        ["input", told.size ? `${told.size} px` : "a file of your own"],
        ["scale", `×${told.scale}`],
        ["scene seed", told.sceneSeed],
        told.try.startsWith("repeat") ? ["repeat", told.try.slice(7)] : ["seed", told.seed],
        ["time of the edit", `${told.seconds.toFixed(2)} s${told.cached ? ", taken from the cache" : ""}`],
        ...(told.peakMb ? [["most memory", `${told.peakMb.toFixed(0)} MB`]] : []),
      ]),
      config.length ? el("details", null, el("summary", null, `Configuration that the pipeline used (${config.length} settings)`), pairs(config)) : null,
    ].filter(Boolean);
  }

  editproof.caseFacts = { title, heading, trouble, findings, windows, stages, stageKeys, table, notes, made, quantity, number, letter };
})();

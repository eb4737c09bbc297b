// The chosen group: its members, and the pictures of the chosen one.
"use strict";

(() => {
  const { el, desk } = editproof;
  const PAGE = 60; // members that are shown at once
  const STRIP = ["before", "now", "difference"];
  const TITLES = { before: "Baseline", now: "This run", difference: "Difference", expected: "Right answer", input: "Input" };
  const MODES = { side: ["before", "now", "difference"], blink: ["before"], right: ["expected", "before", "now"] };
  const BLINK_MS = 700;
  const MOST_ZOOM = 16;

  const node = (id) => document.getElementById(id);
  const view = (desk.view = { mode: "side", zoom: 1, x: 0, y: 0, pages: 1, blinked: false });
  let drawn = null; // the members that are on the page

  function describeGroup({ group, members }) {
    const parts = [
      `${members.length === 1 ? "1 case" : `${members.length} cases`} · ${group.outcome}`,
      group.aspect && `above all ${group.aspect}`, group.part && `mostly ${group.part}`, group.stage && `first at ${group.stage}`,
      `at most ${group.jod.toFixed(2)} JOD`, group.model, group.families.slice(0, 4).join(", "),
    ];
    return parts.filter(Boolean).join(" · ");
  }

  function member(number, place) {
    const one = desk.about.cases[number];
    const pictures = STRIP.map((kind) => (desk.has(number, kind)
      ? el("img", { src: desk.picture(number, kind, 192), alt: "", loading: "lazy", decoding: "async" }) : el("span")));
    return el(
      "div",
      { class: "r-member", role: "option", id: `m-${place}`, onclick: () => desk.choose(desk.group, place) },
      el("div", { class: "r-strip" }, pictures),
      el("p", null, editproof.name(one.name), ` · ${one.jod.toFixed(2)} JOD `,
        el("span", { class: "r-mark" })),
    );
  }

  function markMember(node, place, number) {
    const state = desk.states.get(number)?.state;
    desk.put(node, { "aria-selected": String(place === desk.member) });
    desk.showState(node.querySelector(".r-mark"), desk.tones[state] ?? "", state ? desk.words[state] : "open");
  }

  // Members that are on the page already are marked, not drawn again.
  function showMembers(current) {
    const box = node("r-members");
    if (drawn !== current.members) { view.pages = 1; drawn = current.members; box.replaceChildren(); }
    view.pages = Math.max(view.pages, Math.ceil((desk.member + 1) / PAGE));
    const count = Math.min(view.pages * PAGE, current.members.length);
    for (let place = box.children.length; place < count; place += 1) box.append(member(current.members[place], place));
    [...box.children].forEach((one, place) => markMember(one, place, current.members[place]));
    if (desk.member >= 0) {
      box.setAttribute("aria-activedescendant", `m-${desk.member}`);
      const one = node(`m-${desk.member}`);
      requestAnimationFrame(() => { box.scrollLeft = one.offsetLeft - box.offsetLeft - (box.clientWidth - one.clientWidth) / 2; });
    } else box.removeAttribute("aria-activedescendant");
    const left = current.members.length - count;
    node("r-more").hidden = !left;
    node("r-more").textContent = `Show more: ${left} of the group are not shown, the most typical ones`;
  }

  function pins(number) {
    const own = desk.comments.filter((one) => one.case === number && one.place);
    const known = own.map((one, place) => el("span", { class: "r-pin", style: { left: `${100 * one.place[0]}%`, top: `${100 * one.place[1]}%` } }, String(place + 1)));
    const mark = desk.mark && el("span", { class: "r-pin", "data-new": true, style: { left: `${100 * desk.mark[0]}%`, top: `${100 * desk.mark[1]}%` } });
    return [...known, mark];
  }

  function pane(number, kind) {
    const name = desk.about.cases[number].name;
    const plane = el("div", { class: view.zoom > 1 ? "r-plane r-zoomed" : "r-plane", style: { transform: `translate(${view.x}px, ${view.y}px) scale(${view.zoom})` } },
      el("img", { src: desk.picture(number, kind), alt: `${name}: ${TITLES[kind]}`, draggable: "false" }), pins(number));
    const frame = el("div", { class: "r-window" }, plane);
    fitFrame(frame, plane.querySelector("img"));
    movable(frame, plane);
    return el("figure", { class: "r-pane" }, el("figcaption", null, TITLES[kind]), frame);
  }

  function fitFrame(frame, image) {
    const fit = () => { if (image.naturalWidth) frame.style.setProperty("aspect-ratio", `${image.naturalWidth} / ${image.naturalHeight}`); };
    image.addEventListener("load", fit);
    fit();
  }

  // Drag moves all panes; a click marks the place of a comment.
  function movable(frame, plane) {
    let from = null;
    frame.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, left: view.x, top: view.y, moved: false };
      frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      from.moved ||= Math.hypot(x, y) > 4;
      if (from.moved && view.zoom > 1) { view.x = from.left + x; view.y = from.top + y; place(); }
    });
    frame.addEventListener("pointerup", (event) => {
      if (from && !from.moved) {
        const box = plane.getBoundingClientRect();
        desk.mark = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.min(Math.max(share, 0), 1));
        showView();
      }
      from = null;
    });
  }

  function place() {
    for (const plane of document.querySelectorAll(".r-plane")) plane.style.setProperty("transform", `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`);
  }

  desk.zoom = (factor) => {
    view.zoom = Math.min(Math.max(factor ? view.zoom * factor : 1, 1), MOST_ZOOM);
    if (view.zoom === 1) [view.x, view.y] = [0, 0];
    showView();
  };

  desk.setMode = (mode) => {
    view.mode = mode;
    for (const button of document.querySelectorAll("[data-do^='mode ']")) button.setAttribute("aria-pressed", String(button.dataset.do === `mode ${mode}`));
    showView();
  };

  desk.more = () => { view.pages += 1; desk.show(); };

  function line(one, text) {
    return el("li", null, editproof.name(one.author), ` · ${one.when.slice(0, 16).replace("T", " ")} UTC · `, editproof.name(text));
  }

  // The chosen case; of a group of one, its case.
  desk.shownCase = () => {
    const numbers = desk.numbers();
    return numbers.length === 1 ? numbers[0] : numbers[desk.member];
  };

  function showView() {
    const number = desk.shownCase();
    node("r-view").hidden = number === undefined;
    if (number === undefined) return;
    const one = desk.about.cases[number];
    node("r-case").replaceChildren(editproof.name(one.name));
    const way = one.step === null ? "" : one.step > 0 ? `; ${one.step.toFixed(2)} JOD further from the right answer` : `; ${(-one.step).toFixed(2)} JOD nearer to the right answer`;
    node("r-said").textContent = `${one.words} · ${one.jod.toFixed(2)} JOD${way}${one.reason ? ` · ${one.status}: ${one.reason}` : ""}`;
    node("r-zoom").textContent = view.zoom === 1 ? "fit" : `×${view.zoom}`;
    const kinds = view.mode === "blink" ? [view.blinked ? "now" : "before"] : MODES[view.mode];
    node("r-panes").replaceChildren(...kinds.filter((kind) => desk.has(number, kind)).map((kind) => pane(number, kind)));
    const votes = desk.states.get(number)?.votes ?? [];
    node("r-votes").replaceChildren(...votes.map((vote) => line(vote, `${desk.words[vote.kind]}${vote.expires ? ` until ${vote.expires}` : ""}${vote.reason ? `: ${vote.reason}` : ""}`)));
    const comments = desk.comments.filter((comment) => comment.case === number);
    node("r-comments").replaceChildren(...comments.map((comment) => line(comment, comment.text)));
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  desk.blink = () => { view.blinked = !view.blinked; if (view.mode === "blink") showView(); };
  setInterval(() => { if (view.mode === "blink" && !still.matches && !document.hidden && desk.about) desk.blink(); }, BLINK_MS);

  function keepLink() {
    const number = desk.shownCase() ?? desk.numbers()[0];
    if (number !== undefined) history.replaceState(null, "", `#case=${encodeURIComponent(desk.about.cases[number].id)}`);
  }

  desk.followLink = () => {
    const id = new URLSearchParams(location.hash.slice(1)).get("case");
    const number = desk.about.cases.findIndex((one) => one.id === id);
    const group = desk.shown.findIndex((one) => one.members.includes(number));
    if (number >= 0 && group >= 0) desk.choose(group, desk.shown[group].members.length > 1 ? desk.shown[group].members.indexOf(number) : -1);
  };

  desk.show = () => {
    desk.showList();
    const current = desk.current();
    node("r-title").replaceChildren(editproof.name(current ? current.group.title : "Nothing to show"));
    node("r-facts").textContent = current ? describeGroup(current) : "No change fits the filters.";
    if (current) showMembers(current);
    else { node("r-members").replaceChildren(); drawn = null; }
    document.querySelector(".r-main").toggleAttribute("data-chosen", desk.member >= 0);
    const open = desk.target().length;
    node("r-target").textContent = desk.member >= 0 ? "This case:" : `${open === 1 ? "1 open case" : `${open} open cases`}:`;
    showView();
    if (desk.ready) keepLink();
  };
})();

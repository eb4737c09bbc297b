// The list of groups: only the rows in sight are elements, so ten thousand groups are quick.
"use strict";

(() => {
  const { el, desk } = editproof;
  const ROW = 76;
  const SPARE = 4;

  const list = document.getElementById("r-groups");
  const tall = list.querySelector(".r-tall");

  function stateOf(members) {
    if (!members.some(desk.changed)) {
      const one = desk.about.cases[members[0]];
      return one.status === "done" ? ["", "as accepted"] : ["warn", one.status.replace("_", " ")];
    }
    const states = members.map((number) => desk.states.get(number)?.state).filter(Boolean);
    if (!states.length) return ["", "open"];
    const kinds = new Set(states);
    const tone = kinds.has("conflict") ? "bad" : kinds.size === 1 ? desk.tones[states[0]] : "warn";
    const word = kinds.size === 1 ? desk.words[states[0]] : kinds.has("conflict") ? desk.words.conflict : "mixed";
    return [tone, states.length === members.length ? word : `${word}, ${members.length - states.length} open`];
  }

  function row(one) {
    const { group, members } = one;
    const count = members.length === 1 ? "1 case" : `${members.length} cases`;
    const lead = members[0];
    const kind = ["now", "before", "input"].find((name) => desk.has(lead, name));
    return el(
      "div",
      { class: "r-row", role: "option", onclick: () => { desk.choose(desk.shown.indexOf(one)); } },
      kind ? el("img", { src: desk.picture(lead, kind, 96), alt: "" }) : el("span"),
      el("span", null,
        el("b", null, editproof.name(group.title)),
        el("small", null, `${count} · ${group.part || group.outcome} · ${group.jod.toFixed(2)} JOD`),
        el("small", { class: "r-mark" })),
    );
  }

  function update(node, one, place) {
    const [tone, word] = stateOf(one.members);
    desk.put(node, { id: `g-${place}`, "aria-selected": String(place === desk.group), "aria-setsize": String(desk.shown.length), "aria-posinset": String(place + 1) });
    node.style.setProperty("top", `${place * ROW}px`);
    desk.showState(node.querySelector(".r-mark"), tone, word);
    return node;
  }

  let known = new Map(); // group -> its row, of those on the page
  function draw() {
    const first = Math.max(Math.floor(list.scrollTop / ROW) - SPARE, 0);
    const last = Math.min(Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE, desk.shown.length);
    const before = known;
    known = new Map(desk.shown.slice(first, last).map((one, place) => [one, update(before.get(one) ?? row(one), one, first + place)]));
    if (known.size !== before.size || [...known.keys()].some((one) => !before.has(one))) tall.replaceChildren(...known.values());
    tall.style.setProperty("height", `${desk.shown.length * ROW}px`);
    if (desk.group >= first && desk.group < last) desk.put(list, { "aria-activedescendant": `g-${desk.group}` });
    else list.removeAttribute("aria-activedescendant");
  }

  desk.showList = () => {
    const top = desk.group * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
  };

  list.addEventListener("scroll", () => requestAnimationFrame(draw));
  addEventListener("resize", () => { if (desk.about) draw(); });
})();

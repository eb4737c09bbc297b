// The desk by keyboard, by its buttons, and its dialogs.
"use strict";

(() => {
  const { el, desk } = editproof;
  const DAY_MS = 86_400_000;
  const WAIVER_DAYS = 30;

  const node = (id) => document.getElementById(id);

  const ASKS = {
    waive: { title: "Waive", label: "Why it may stay as it is for now", button: "Waive", about: "Until that day, the picture as it is now fails nothing. If it changes again, the gate says so." },
    comment: { title: "Comment", label: "Text", button: "Comment", about: "Pinned to the place that you marked in the picture, if you marked one." },
    apply: { title: "Apply", label: "Why these pictures are right now", button: "Accept into the baseline", about: "Accepts into the baseline every case that is accepted here, unless reviewers disagree about it. Other cases stay as they were." },
  };
  let asking = "";

  function ask(what) {
    if (what !== "apply" && !desk.target().length) return desk.say(desk.nothing(), "warn");
    asking = what;
    const { title, label, button, about } = ASKS[what];
    node("a-title").textContent = title;
    node("a-about").textContent = about;
    node("a-label").textContent = label;
    node("a-send").textContent = button;
    node("a-text").value = "";
    node("a-day-field").hidden = what !== "waive";
    node("a-day").value = new Date(Date.now() + WAIVER_DAYS * DAY_MS).toISOString().slice(0, 10);
    node("r-ask").showModal();
    node("a-text").focus();
    if (what === "apply") listAnswers();
  }

  // Answers that were made by hand are accepted, too.
  async function listAnswers() {
    try {
      const { answers } = await desk.ask("/api/answers");
      if (answers.length && asking === "apply") node("a-about").append(` It also accepts ${answers.length === 1 ? "1 answer that was" : `${answers.length} answers that were`} made by hand: ${answers.map((one) => `${one.name} (${one.author}: ${one.reason})`).join("; ")}.`);
    } catch (error) { desk.say(error.message, "bad"); }
  }

  function send() {
    const reason = node("a-text").value.trim();
    node("r-ask").close();
    if (asking === "apply") return desk.apply(reason);
    if (asking === "comment" && desk.member < 0) desk.member = 0;
    const place = asking === "comment" && desk.mark ? { x: desk.mark[0], y: desk.mark[1] } : null;
    return desk.decide(asking, { reason, place, expires: asking === "waive" ? node("a-day").value : null });
  }

  const DO = (desk.actions = {
    accept: () => desk.decide("accept"),
    reject: () => desk.decide("reject"),
    "needs work": () => desk.decide("needs work"),
    waive: () => ask("waive"),
    comment: () => ask("comment"),
    apply: () => ask("apply"),
    undo: () => desk.undo(),
    next: () => desk.nextOpen(),
    more: () => desk.more(),
    cancel: () => node("r-ask").close(),
    send,
    keys: () => { node("r-keys").showModal(); node("r-keys").scrollTop = 0; }, // the first key, not the button
    "close keys": () => node("r-keys").close(),
    "mode side": () => desk.setMode("side"),
    "mode blink": () => desk.setMode("blink"),
    "mode right": () => desk.setMode("right"),
    "zoom in": () => desk.zoom(2),
    "zoom out": () => desk.zoom(0.5),
  });

  const KEYS = [
    ["a", "accept the open cases of the group, or the chosen case", DO.accept],
    ["A", "accept every case of the group, decided ones too", () => desk.decide("accept", { all: true })],
    ["r", "reject", DO.reject],
    ["R", "reject every case of the group, decided ones too", () => desk.decide("reject", { all: true })],
    ["w", "needs work", DO["needs work"]],
    ["v", "waive, until a day", DO.waive],
    ["c", "comment on the chosen case", DO.comment],
    ["e", "edit the chosen case again: mask, prompt, settings", () => desk.openBrush()],
    ["u", "undo your last decision", DO.undo],
    ["n", "next open group", DO.next],
    ["j", "next group", () => desk.choose(desk.group + 1)],
    ["ArrowDown", "next group", () => desk.choose(desk.group + 1)],
    ["k", "group before", () => desk.choose(desk.group - 1)],
    ["ArrowUp", "group before", () => desk.choose(desk.group - 1)],
    ["ArrowRight", "next case of the group", () => desk.choose(desk.group, desk.member + 1)],
    ["ArrowLeft", "case before", () => desk.choose(desk.group, desk.member - 1)],
    ["Escape", "the group as a whole again", () => desk.choose(desk.group)],
    ["1", "side by side", DO["mode side"]],
    ["2", "blink", DO["mode blink"]],
    ["3", "with the right answer", DO["mode right"]],
    ["b", "blink once", () => desk.blink()],
    ["+", "zoom in", DO["zoom in"]],
    ["-", "zoom out", DO["zoom out"]],
    ["0", "whole picture", () => desk.zoom(0)],
    ["/", "filter by name", () => node("f-text").focus()],
    ["?", "this list", DO.keys],
  ];
  const WRITING = new Set(["a", "A", "r", "R", "w", "v", "c", "e", "u"]);
  const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", ArrowRight: "→", ArrowLeft: "←", Escape: "Esc" };

  node("k-list").append(...KEYS.map(([key, about]) => el("div", null, el("dt", null, el("kbd", null, SHOWN[key] ?? key)), el("dd", null, about))));

  const typing = (target) => target instanceof Element && target.closest("input, textarea, select, dialog");

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !desk.ready) return;
    if (typing(event.target)) {
      if (event.key === "Escape" && event.target.id === "f-text") node("r-groups").focus();
      return;
    }
    const found = KEYS.find(([key]) => key === event.key);
    if (!found || (desk.about.read_only && WRITING.has(event.key))) return;
    event.preventDefault();
    found[2]();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && desk.ready) DO[button.dataset.do]();
  });
})();

// The desk: what is known of the run and its decisions, and how a decision is made.
"use strict";

(() => {
  const { el } = editproof;
  const POLL_MS = 4000;
  const WORDS = { accept: "accepted", reject: "rejected", "needs work": "needs work", waive: "waived", conflict: "reviewers disagree", comment: "commented" };
  const TONES = { accept: "good", reject: "bad", "needs work": "warn", waive: "warn", conflict: "bad" };

  const desk = (editproof.desk = {
    about: null, // what /api/desk says
    states: new Map(), // number of a case -> { state, votes }
    comments: [],
    version: -1,
    shown: [], // groups that the filters let through: { group, members }
    group: 0, // place in `shown`
    member: -1, // place among its members; -1: the group as a whole
    mark: null, // where a comment would be pinned: [x, y] in shares
    words: WORDS,
    tones: TONES,
    ready: false,
  });

  const node = (id) => document.getElementById(id);

  desk.say = (text, tone = "") => {
    const line = node("r-status");
    line.textContent = text;
    if (tone) line.dataset.tone = tone;
    else delete line.dataset.tone;
  };

  // Attributes and words of an element, written where they are others: a decision changes a few of hundreds.
  desk.put = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  desk.showState = (element, tone, word) => {
    if (element.textContent !== word) element.textContent = word;
    if (tone) desk.put(element, { "data-tone": tone });
    else element.removeAttribute("data-tone");
  };

  desk.ask = async (path, body) => {
    const sent = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, sent);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail);
    return found;
  };

  desk.picture = (number, kind, edge = 0) => {
    const known = desk.about.cases[number].pictures;
    const version = kind === "difference" ? `${known.before}${known.now}` : known[kind];
    return `/picture/${number}/${kind}?edge=${edge}&v=${version}`;
  };

  desk.has = (number, kind) => {
    const known = desk.about.cases[number].pictures;
    return kind === "difference" ? Boolean(known.before && known.now) : Boolean(known[kind]);
  };

  desk.current = () => desk.shown[desk.group] ?? null;
  desk.numbers = () => desk.current()?.members ?? [];
  desk.changed = (number) => number < desk.about.changed; // the others have the accepted picture, or none
  desk.open = (numbers) => numbers.filter((number) => desk.changed(number) && !desk.states.has(number));

  // What a decision would be about: the chosen case, or what is open of the group.
  desk.target = (all = false) => {
    const numbers = desk.numbers();
    if (desk.member >= 0) return [numbers[desk.member]].filter(desk.changed);
    return all ? numbers.filter(desk.changed) : desk.open(numbers);
  };

  // Why there is nothing to decide about.
  desk.nothing = () => (desk.numbers().some(desk.changed) ? "Every case of this group is decided. Choose one, or undo." : "There is nothing to decide: this picture is the accepted one, or there is none.");

  function merge(found) {
    for (const { cases, ...one } of found.states) {
      for (const number of cases) {
        if (one.state) desk.states.set(number, one);
        else desk.states.delete(number);
      }
    }
    desk.comments = found.comments;
    desk.version = found.version;
    node("r-bar").max = Math.max(found.asked, 1);
    node("r-bar").value = found.done;
    node("r-count").textContent = `${found.done} of ${found.asked} decided`;
  }

  const refused = (error) => desk.say(error.message, "bad");

  // One decision after the other: whoever types quickly decides about what was shown next.
  let sending = 0;
  let last = Promise.resolve();
  function send(act) {
    sending += 1;
    last = last.then(act).catch(refused).finally(() => { sending -= 1; });
    return last;
  }

  desk.decide = (kind, { reason = "", place = null, expires = null, all = false } = {}) => send(async () => {
    const cases = desk.target(all);
    if (!cases.length) return desk.say(desk.nothing(), "warn");
    merge(await desk.ask("/api/decisions", { kind, cases, reason, place, expires }));
    const name = cases.length === 1 ? desk.about.cases[cases[0]].name : `${cases.length} cases`;
    desk.say(`${name}: ${WORDS[kind]}`, TONES[kind] ?? "");
    if (kind === "comment") desk.mark = null;
    else advance();
    desk.show();
  });

  // After a decision: the next open case where one was chosen, else the next open group.
  function advance() {
    const numbers = desk.numbers();
    if (desk.member >= 0) {
      const order = numbers.map((_, place) => (desk.member + place) % numbers.length);
      const next = order.find((place) => !desk.states.has(numbers[place]));
      if (next !== undefined) { desk.member = next; return; }
    }
    desk.nextOpen();
  }

  desk.nextOpen = () => {
    const places = desk.shown.map((_, place) => (desk.group + place) % desk.shown.length);
    const open = places.filter((place) => desk.open(desk.shown[place].members).length);
    const next = open.find((place) => desk.shown[place].group.asks) ?? open[0];
    if (next === undefined) desk.say("Every case is decided.", "good");
    else desk.choose(next);
  };

  desk.choose = (group, member = -1) => {
    desk.group = Math.min(Math.max(group, 0), Math.max(desk.shown.length - 1, 0));
    desk.member = Math.min(Math.max(member, -1), desk.numbers().length - 1);
    desk.mark = null;
    desk.show();
  };

  desk.undo = () => send(async () => {
    merge(await desk.ask("/api/undo", {}));
    desk.say("The last decision was taken back.");
    desk.show();
  });

  desk.apply = async (reason) => {
    try {
      const found = await desk.ask("/api/apply", { reason });
      desk.say(`${found.cases} accepted into ${found.baseline}. Commit it. This desk is done: end it with Ctrl-C.`, "good");
    } catch (error) { refused(error); }
  };

  desk.filter = () => {
    const text = node("f-text").value.trim().toLowerCase();
    const [state, outcome, family, model] = ["state", "outcome", "family", "model"].map((name) => node(`f-${name}`).value);
    const fits = (number) => {
      const one = desk.about.cases[number];
      const decided = desk.states.get(number)?.state ?? "open";
      return (!state || decided === state) && (!family || one.family === family) && (!model || one.model === model)
        && (!text || `${one.name} ${one.words}`.toLowerCase().includes(text));
    };
    const chosen = desk.current()?.group;
    const groups = node("f-list").value === "all" && desk.about.every ? desk.about.every : desk.about.groups;
    desk.shown = groups
      .filter((group) => !outcome || group.outcome === outcome)
      .map((group) => ({ group, members: group.members.filter(fits) }))
      .filter((one) => one.members.length);
    desk.choose(Math.max(desk.shown.findIndex((one) => one.group === chosen), 0));
  };

  // Every case by itself, those first that need a person most. Asked for once.
  async function listEvery() {
    const { about } = desk;
    if (node("f-list").value === "all" && !about.every) {
      try {
        const found = await desk.ask("/api/others");
        about.cases.push(...found.cases);
        about.every = found.order.map((number) => {
          const one = about.cases[number];
          return { title: one.name, outcome: one.status.replace("_", " "), stage: "", aspect: "", part: "", model: one.model, families: [one.family], jod: one.jod, asks: false, members: [number] };
        });
      } catch (error) { node("f-list").value = "changed"; return refused(error); }
    }
    desk.filter();
    desk.choose(0);
  }

  function fillFilters() {
    const about = desk.about;
    const lists = { outcome: about.groups.map((one) => one.outcome), family: about.cases.map((one) => one.family), model: about.cases.map((one) => one.model) };
    for (const [name, words] of Object.entries(lists)) {
      node(`f-${name}`).append(...[...new Set(words)].sort().map((word) => el("option", { value: word }, word)));
    }
    node("f-list").addEventListener("input", listEvery);
    for (const name of ["text", "state", "outcome", "family", "model"]) node(`f-${name}`).addEventListener("input", desk.filter);
  }

  function notice(title, text) {
    node("r-notices").append(el("div", { class: "notice plain" }, el("h2", null, title), el("p", null, text)));
  }

  function noticeReview(count) {
    notice("A person is asked for", `${count === 1 ? "1 case" : `${count} cases`} ended needs review. `);
    const show = () => { node("f-list").value = "all"; listEvery(); };
    node("r-notices").lastChild.lastChild.append(el("button", { type: "button", onclick: show }, "Show them"));
  }

  function begin(about) {
    desk.about = about;
    about.changed = about.cases.length;
    node("r-run").textContent = `${about.run} · ${about.author}`;
    document.title = `The desk · ${about.run}`;
    if (about.read_only) { notice("For looking only", "This desk takes no decision."); document.body.dataset.readOnly = ""; }
    if (about.partial) notice("The run is not complete", about.partial);
    if (!about.baseline) notice("No baseline yet", "Accept every case, then apply: the run becomes the first baseline.");
    if (!about.cases.length) notice("Nothing changed", "Every picture of this run is an accepted one.");
    if (about.needs_review) noticeReview(about.needs_review);
    const writing = "[data-do=accept], [data-do=reject], [data-do='needs work'], [data-do=waive], [data-do=comment], [data-do=brush], [data-do=undo], [data-do=apply]";
    for (const button of document.querySelectorAll(writing)) button.hidden = about.read_only;
    fillFilters();
  }

  async function poll() {
    if (!document.hidden && !sending) {
      try {
        const version = desk.version;
        const found = await desk.ask(`/api/decisions?version=${version}`);
        const late = sending || version !== desk.version; // a decision was quicker
        if (!found.same && !late) { desk.states.clear(); merge(found); desk.show(); }
      } catch { desk.say("The desk does not answer. Is `editproof review` still running?", "bad"); }
    }
    setTimeout(poll, POLL_MS);
  }

  addEventListener("DOMContentLoaded", async () => {
    try {
      begin(await desk.ask("/api/desk"));
      merge(await desk.ask("/api/decisions"));
    } catch (error) { return refused(error); }
    desk.filter();
    desk.followLink();
    desk.ready = true;
    setTimeout(poll, POLL_MS);
  });
})();

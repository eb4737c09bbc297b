// The data of the cases, each loaded when somebody asks for it: cases/PAGE.js, and data/viewer.js once.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const MANY = 60; // cases that are kept in memory

  const known = new Map();
  const waiting = new Map();
  let run = null; // what holds for all cases

  editproof.about = (said) => { run = said; };
  editproof.case = (said) => {
    known.delete(said.id);
    known.set(said.id, said);
    if (known.size > MANY) known.delete(known.keys().next().value);
  };

  // The data of a case; null where there is none. Fails where its file can't be loaded.
  async function load(id) {
    if (!run) await once("data/viewer.js");
    if (!known.has(id)) {
      const listed = editproof.list.about(id);
      if (!listed || listed.status === "missing") return null;
      await once(`cases/${listed.page}.js`);
    }
    return known.get(id) ?? null;
  }

  function once(path) {
    if (!waiting.has(path)) waiting.set(path, editproof.load(path).finally(() => waiting.delete(path)));
    return waiting.get(path);
  }

  editproof.caseFiles = { load, run: () => run };
})();

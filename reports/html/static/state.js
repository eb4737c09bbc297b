// What the page shows, kept in its address: #family=logo&sort=-lpips, or #case=ID&mode=blink over that list.
// Whoever shows something subscribes; nobody else reads or writes the address.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const WRITE_DELAY_MS = 120; // browsers refuse more than some 100 writes in 10 s, and dragging makes more

  const followers = [];
  let state = read();
  let pending = 0;

  function read() {
    const known = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries([...known].filter(([, value]) => value !== ""));
  }

  // The address of a state; of the present one if none is given.
  function link(of = state) {
    return `#${new URLSearchParams(of)}`;
  }

  function write() {
    clearTimeout(pending);
    pending = 0;
    if (link() !== location.hash && !(link() === "#" && !location.hash)) history.replaceState(null, "", link());
  }

  // Changes the state; an empty or missing value takes its key out. With push, Back returns to what was before.
  function set(changes, { push = false } = {}) {
    const next = { ...state };
    for (const [key, value] of Object.entries(changes)) {
      if (value === "" || value === null || value === undefined) delete next[key];
      else next[key] = String(value);
    }
    if (link(next) === link()) return;
    if (push) {
      write();
      history.pushState(null, "", link(next));
    } else if (!pending) {
      pending = setTimeout(write, WRITE_DELAY_MS);
    }
    state = next;
    tell();
  }

  function tell() {
    const seen = state;
    for (const follower of [...followers]) {
      follower({ ...state });
      if (state !== seen) return; // a follower changed it, and has told the others
    }
  }

  function follow() {
    clearTimeout(pending);
    pending = 0;
    const next = read();
    if (link(next) === link()) return;
    state = next;
    tell();
  }

  // Calls follower with the state now and after every change, also by Back and Forward.
  function subscribe(follower) {
    followers.push(follower);
    follower({ ...state });
  }

  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  addEventListener("pagehide", write);

  editproof.state = { get: () => ({ ...state }), set, subscribe, link };
})();

// The pixel under the pointer or the cursor: its levels, how far two pictures differ there, the map's value, and the loupe.
"use strict";

(() => {
  const { el, prose, heat } = editproof;
  const { KINDS, UNREADABLE } = editproof.viewerState;
  const LOUPE_PX = 132;

  // `look` gives what is shown now: run, told, seen, camera, panes, pixelsOf, pointer, pair, scale, and picture(side).
  editproof.viewerReadout = (section, look) => {
    const $ = (selector) => section.querySelector(selector);
    const loupe = $(".v-loupe");

    let asking = 0;
    async function readout() {
      const now = look();
      const { told, seen, panes, pixelsOf, pointer } = now;
      const turn = (asking += 1);
      const at = pointer ?? (seen.cursor ? [seen.cursor[0] + 0.5, seen.cursor[1] + 0.5, panes[0]] : null);
      const [height, width] = now.camera.size;
      const inside = at && at[0] >= 0 && at[1] >= 0 && at[0] < height && at[1] < width;
      $(".v-where").textContent = inside ? `y ${Math.floor(at[0])}, x ${Math.floor(at[1])}` : "";
      magnify(now, inside ? at : null);
      const body = $(".v-readout tbody");
      if (!inside) {
        body.replaceChildren();
        $(".v-delta").textContent = "Point at a picture, or press c for a cursor that the arrow keys move.";
        return;
      }
      const sides = seen.stage ? [] : seen.mode === "heat" ? ["b"] : ["a", "b"];
      const kinds = sides.map((side) => seen[side]);
      const read = await Promise.all(kinds.map((kind) => pixelsOf(kind, told.pictures[kind])));
      if (turn !== asking) return;
      const colours = read.map((pixels) => pixels && editproof.pixelAt(pixels, at[0] / height, at[1] / width));
      body.replaceChildren(...colours.map((rgb, index) => rgb && line(kinds[index], rgb)).filter(Boolean));
      if (colours.length === 2 && colours[0] && colours[1]) {
        const delta = editproof.colour.deltaE00(...colours.map(editproof.colour.lab));
        $(".v-delta").replaceChildren(el("b", null, `ΔE00 ${delta.toFixed(2)}`), delta === 0 ? " equal" : delta < 1 ? " hardly visible" : "");
      } else {
        const unread = kinds.some((kind, index) => told.pictures[kind] && !colours[index]);
        $(".v-delta").replaceChildren(...prose(seen.stage ? "Pixels of a stage's artefact are not read." : unread ? UNREADABLE : ""));
      }
      if (seen.mode === "heat") mapValue(now, at, turn);
    }

    function line(kind, rgb) {
      const lab = editproof.colour.lab(rgb);
      return el("tr", null, el("th", { scope: "row" }, KINDS[kind][0]), rgb.map((level) => el("td", { class: "n" }, level)),
        lab.map((value) => el("td", { class: "n" }, value.toFixed(1).replace(/^-(?=0\.0$)/, "").replace("-", "−"))));
    }

    async function mapValue({ run, told, seen, camera, pair, pixelsOf }, at, turn) {
      const [height, width] = camera.size;
      const value = await heat.valueAt([at[0] / height, at[1] / width], { run, told, metric: seen.metric, pair, read: pixelsOf });
      if (value === null || turn !== asking) return;
      $(".v-delta").replaceChildren(el("b", null, `${heat.title(run, seen.metric)} ${Number(value.toPrecision(3))} ${run.scales[seen.metric].unit}`.replace("-", "−")), " here");
    }

    function magnify({ seen, camera, panes, picture, scale }, at) {
      loupe.hidden = !seen.loupe || !at;
      if (loupe.hidden) return;
      const [height, width] = camera.size;
      const strength = Math.max(8, Math.min(32, Math.round(scale() * 2)));
      const [y, x] = [Math.floor(at[0]) + 0.5, Math.floor(at[1]) + 0.5];
      const sides = seen.mode === "heat" ? ["b"] : ["a", "b"];
      loupe.replaceChildren(...sides.map((side) => [side, picture(side)]).filter(([, found]) => found[0]).map(([, found]) => el("figure", null,
        el("div", { class: "v-lens", style: {
          "background-image": `url("${editproof.url(found[0][0])}")`,
          "background-size": `${width * strength}px ${height * strength}px`,
          "background-position": `${LOUPE_PX / 2 - x * strength}px ${LOUPE_PX / 2 - y * strength}px`,
          "--dot": `${strength}px`,
        } }),
        el("figcaption", null, seen.stage ? found[1].map((part) => part.cloneNode?.(true) ?? part) : found[1][0].textContent))));
      const [top, left] = (at[2] ?? panes[0]).screen([y, x], camera);
      const wide = loupe.offsetWidth;
      const tall = loupe.offsetHeight;
      loupe.style.left = `${Math.max(8, Math.min(innerWidth - wide - 8, left + 28 + wide > innerWidth ? left - wide - 28 : left + 28))}px`;
      loupe.style.top = `${Math.max(8, Math.min(innerHeight - tall - 8, top + 28 + tall > innerHeight ? top - tall - 28 : top + 28))}px`;
    }

    return readout;
  };
})();

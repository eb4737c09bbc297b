// A pane: pictures on top of each other, seen through a camera that all panes share.
// Sheets cover the pane and are clipped or faded; on each lies a plane, as large as the picture at the present zoom.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const { el, svg, url } = editproof;
  const CRISP = 2; // screen pixels a picture's pixel, from which on pixels are shown as squares
  const MOST_ZOOM = 64;

  // size: [height, width] of the picture. Centre in its pixels; zoom null: all of it is seen.
  function camera(size) {
    return { size, zoom: null, y: size[0] / 2, x: size[1] / 2 };
  }

  function fitting(size, root) {
    const share = Math.min(root.clientHeight / size[0], root.clientWidth / size[1]);
    return share < 1 ? Math.max(0.01, share) : Math.min(4, Math.floor(share)); // whole pixels, where there is room for them
  }

  function plane(images, extra = []) {
    return el("div", { class: "v-plane" }, images, extra);
  }

  function image(place, { label = "", style = null, kind = "" } = {}) {
    return el("img", { src: url(place[0]), alt: label, style, draggable: "false", decoding: "async", "data-kind": kind, "data-width": place[1] });
  }

  // sheets: [{ images, extra, style }]; label: what the pane shows, a list of texts.
  function pane({ sheets, label, group = null, absent = null }) {
    const planes = sheets.map((sheet) => plane(sheet.images ?? [], sheet.extra ?? []));
    const layers = sheets.map((sheet, at) => el("div", { class: `v-sheet ${sheet.class ?? ""}`, style: sheet.style }, planes[at]));
    const stack = el("div", { class: `v-stack ${group ?? ""}` }, layers.filter((_, at) => !sheets[at].over));
    const over = layers.filter((_, at) => sheets[at].over);
    const caption = el("figcaption", { class: "v-label" }, label);
    const root = el("figure", { class: "v-pane" }, absent === null ? [stack, ...over] : el("p", { class: "v-absent" }, el("span", null, editproof.prose(absent))), caption);

    function place(view) {
      if (absent !== null) return 0;
      const scale = view.zoom ?? fitting(view.size, root);
      const [height, width] = view.size;
      const top = root.clientHeight / 2 - (view.zoom === null ? height / 2 : view.y) * scale;
      const left = root.clientWidth / 2 - (view.zoom === null ? width / 2 : view.x) * scale;
      for (const one of planes) {
        one.style.width = `${width * scale}px`;
        one.style.height = `${height * scale}px`;
        one.style.transform = `translate(${left}px, ${top}px)`;
        for (const picture of one.querySelectorAll("img, canvas")) {
          picture.classList.toggle("crisp", (scale * width) / Number(picture.dataset.width) >= CRISP);
        }
        for (const text of one.querySelectorAll("text")) text.setAttribute("font-size", 13 / scale);
      }
      return scale;
    }

    // Where a point of the window lies in the picture.
    function point(event, view) {
      const edges = root.getBoundingClientRect();
      const scale = view.zoom ?? fitting(view.size, root);
      const [y, x] = view.zoom === null ? [view.size[0] / 2, view.size[1] / 2] : [view.y, view.x];
      return [
        y + (event.clientY - edges.top - root.clientHeight / 2) / scale,
        x + (event.clientX - edges.left - root.clientWidth / 2) / scale,
      ];
    }

    // Where a place of the picture lies in the window.
    function screen([y, x], view) {
      const edges = root.getBoundingClientRect();
      const scale = view.zoom ?? fitting(view.size, root);
      const [atY, atX] = view.zoom === null ? [view.size[0] / 2, view.size[1] / 2] : [view.y, view.x];
      return [edges.top + root.clientHeight / 2 + (y - atY) * scale, edges.left + root.clientWidth / 2 + (x - atX) * scale];
    }

    return { root, place, point, screen, sheets: layers, scale: (view) => view.zoom ?? fitting(view.size, root) };
  }

  // Squares around the worst windows, and the cursor, in picture pixels.
  function frames(size, windows, edge, cursor) {
    const [height, width] = size;
    const parts = windows.flatMap(({ y, x, letter, area }) => {
      const box = area ? { x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top }
        : { x: x - edge / 2, y: y - edge / 2, width: edge, height: edge };
      const above = box.y > height * 0.04;
      return [
        svg("rect", { class: "halo", ...box }),
        svg("rect", box),
        svg("text", { x: box.x, y: above ? box.y : box.y + box.height, dy: above ? "-0.3em" : "1em" }, letter),
      ];
    });
    if (cursor) {
      const [y, x] = cursor;
      parts.push(
        svg("path", { class: "halo", d: `M0 ${y + 0.5}H${width}M${x + 0.5} 0V${height}` }),
        svg("path", { class: "cross", d: `M0 ${y + 0.5}H${width}M${x + 0.5} 0V${height}` }),
        svg("rect", { class: "cross", x, y, width: 1, height: 1 }),
      );
    }
    return svg("svg", { class: "v-frames", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, parts);
  }

  // Wheel, drag, pinch. `see(change)` gets a new camera; `cut(share)` the place of the slider's edge; `hover(y, x, pane, event)`.
  function gestures(box, { view, panes, see, cut, hover }) {
    const fingers = new Map();
    let dragged = null;
    let pinch = null;

    const under = (event) => panes().find((one) => one.root.contains(event.target)) ?? null;

    function zoomAt(one, event, zoom) {
      const now = view();
      const next = Math.min(MOST_ZOOM, zoom);
      const [y, x] = one.point(event, now);
      if (next <= one.scale({ ...now, zoom: null })) return see({ ...now, zoom: null });
      const edges = one.root.getBoundingClientRect();
      see({
        ...now, zoom: next,
        y: y - (event.clientY - edges.top - one.root.clientHeight / 2) / next,
        x: x - (event.clientX - edges.left - one.root.clientWidth / 2) / next,
      });
    }

    box.addEventListener("wheel", (event) => {
      const one = under(event);
      if (!one || event.altKey) return;
      event.preventDefault();
      const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
      zoomAt(one, event, one.scale(view()) * Math.exp(-Math.max(-300, Math.min(300, step)) / 400));
    }, { passive: false });

    box.addEventListener("pointerdown", (event) => {
      const one = under(event);
      if (!one || event.button !== 0 || event.target.closest("button")) return;
      fingers.set(event.pointerId, event);
      box.setPointerCapture(event.pointerId);
      if (fingers.size === 2) {
        pinch = { one, apart: apart(), scale: one.scale(view()) };
        dragged = null;
      } else {
        const now = view();
        dragged = { one, event, y: now.y, x: now.x, cut: cut(event, one, true) };
        if (dragged.cut) cut(event, one);
      }
    });
    box.addEventListener("pointermove", (event) => {
      const one = dragged?.one ?? under(event);
      if (one) hover(...one.point(event, view()), one, event);
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
      if (pinch && fingers.size === 2) {
        const [first, second] = [...fingers.values()];
        const middle = { clientX: (first.clientX + second.clientX) / 2, clientY: (first.clientY + second.clientY) / 2 };
        zoomAt(pinch.one, middle, (pinch.scale * apart()) / pinch.apart);
      } else if (dragged) {
        if (dragged.cut) return cut(event, dragged.one);
        const now = view();
        if (now.zoom === null) return;
        see({ ...now, y: dragged.y - (event.clientY - dragged.event.clientY) / now.zoom, x: dragged.x - (event.clientX - dragged.event.clientX) / now.zoom });
      }
    });
    const end = (event) => {
      fingers.delete(event.pointerId);
      dragged = null;
      if (fingers.size < 2) pinch = null;
    };
    box.addEventListener("pointerup", end);
    box.addEventListener("pointercancel", end);
    box.addEventListener("pointerleave", (event) => { if (!fingers.size) hover(null, null, null, event); });
    box.addEventListener("dblclick", (event) => {
      const one = under(event);
      if (one) zoomAt(one, event, one.scale(view()) < 4 ? 4 : 0);
    });

    function apart() {
      const [first, second] = [...fingers.values()];
      return Math.max(1, Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY));
    }
  }

  editproof.panes = { camera, pane, image, frames, gestures, fitting, MOST_ZOOM };
})();

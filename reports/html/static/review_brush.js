// A mask drawn over the input of a case, by mouse, pen or touch.
"use strict";

(() => {
  const { desk } = editproof;
  const MOST_UNDO = 30;
  const MOST_ZOOM = 8;
  const INK = "#ff2fd0";
  const INK_LEVELS = [0xff, 0x2f, 0xd0];

  const node = (id) => document.getElementById(id);
  const sheet = node("b-mask");
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  const brush = (desk.brush = { number: -1, subtract: false, size: 24, zoom: 1, past: [], last: null, drawn: false });

  function showTools() {
    node("b-add").setAttribute("aria-pressed", String(!brush.subtract));
    node("b-subtract").setAttribute("aria-pressed", String(brush.subtract));
    node("b-size").value = brush.size;
    node("b-size-said").textContent = `${brush.size} px`;
    node("b-paper").style.setProperty("width", `${100 * brush.zoom}%`);
    node("b-zoom").textContent = `×${brush.zoom}`;
    node("b-undo").disabled = !brush.past.length;
    node("b-mask-said").textContent = brush.drawn ? "The mask is as it is drawn here." : brush.own ? "The mask is the case's own. Brush to change it." : "Brush over what is to be replaced.";
  }

  // An empty sheet over the input of a case.
  brush.begin = async (number) => {
    Object.assign(brush, { number, subtract: false, zoom: 1, past: [], last: null, drawn: false, own: false });
    const image = node("b-image");
    image.src = desk.picture(number, "input");
    image.alt = `${desk.about.cases[number].name}: Input`;
    await image.decode();
    [sheet.width, sheet.height] = [image.naturalWidth, image.naturalHeight];
    brush.size = Math.max(2, Math.round(Math.max(sheet.width, sheet.height) / 20));
    node("b-size").max = Math.max(sheet.width, sheet.height);
    showTools();
  };

  // The case's own mask as ink, unless somebody has begun to draw.
  brush.showOwn = async (number) => {
    const answer = await fetch(`/api/cases/${number}/mask`);
    if (!answer.ok) return;
    const bitmap = await createImageBitmap(await answer.blob());
    if (brush.drawn || brush.number !== number || bitmap.width !== sheet.width || bitmap.height !== sheet.height) return;
    pen.drawImage(bitmap, 0, 0);
    const pixels = pen.getImageData(0, 0, sheet.width, sheet.height);
    for (let place = 0; place < pixels.data.length; place += 4) {
      const level = pixels.data[place];
      pixels.data.set([...INK_LEVELS, level], place);
    }
    pen.putImageData(pixels, 0, 0);
    brush.own = true;
    showTools();
  };

  function at(event) {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left) * sheet.width) / box.width, ((event.clientY - box.top) * sheet.height) / box.height];
  }

  function stroke(to) {
    pen.globalCompositeOperation = brush.subtract ? "destination-out" : "source-over";
    [pen.lineCap, pen.lineJoin, pen.lineWidth, pen.strokeStyle] = ["round", "round", brush.size, INK];
    pen.beginPath();
    pen.moveTo(...brush.last);
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    brush.last = to;
  }

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    brush.past = [...brush.past.slice(1 - MOST_UNDO), { pixels: pen.getImageData(0, 0, sheet.width, sheet.height), drawn: brush.drawn }];
    brush.drawn = true;
    brush.last = at(event);
    stroke(brush.last);
    showTools();
  });
  sheet.addEventListener("pointermove", (event) => {
    if (brush.last) for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(at(one));
  });
  for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, () => { brush.last = null; });

  function undo() {
    const before = brush.past.pop();
    if (before) {
      pen.putImageData(before.pixels, 0, 0);
      brush.drawn = before.drawn;
    }
    showTools();
  }

  const set = (changes) => { Object.assign(brush, changes); showTools(); };
  const resize = (factor) => set({ size: Math.min(Math.max(Math.round(brush.size * factor), 1), Number(node("b-size").max)) });
  const zoom = (factor) => set({ zoom: Math.min(Math.max(brush.zoom * factor, 1), MOST_ZOOM) });

  // A PNG as base64: white where it is to be replaced, black elsewhere. A soft edge counts from its half on.
  brush.encode = () => {
    const pixels = pen.getImageData(0, 0, sheet.width, sheet.height);
    for (let place = 0; place < pixels.data.length; place += 4) {
      pixels.data.fill(pixels.data[place + 3] >= 128 ? 255 : 0, place, place + 3);
      pixels.data[place + 3] = 255;
    }
    const canvas = Object.assign(document.createElement("canvas"), { width: sheet.width, height: sheet.height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];
  };

  Object.assign(desk.actions, {
    "brush add": () => set({ subtract: false }),
    "brush subtract": () => set({ subtract: true }),
    "brush undo": undo,
    "brush in": () => zoom(2),
    "brush out": () => zoom(0.5),
    "brush close": () => node("r-brush").close(),
  });

  brush.keys = { b: () => set({ subtract: false }), x: () => set({ subtract: true }), u: undo, "[": () => resize(0.8), "]": () => resize(1.25), "+": () => zoom(2), "-": () => zoom(0.5) };
  node("b-size").addEventListener("input", (event) => set({ size: Number(event.target.value) }));
})();

// The pixels of a case's pictures.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const arrived = new Map(); // script -> what it said
  editproof.pixels = (said) => { arrived.set(said.path, said); };

  async function decode(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height); // throws where the picture is another origin's, as on file://
  }

  async function fromScript(path, base) {
    if (!arrived.has(path)) await editproof.load(path);
    const { data, beyond } = arrived.get(path);
    const pixels = await decode(data);
    if (!beyond) return pixels;
    const under = await base();
    if (!under) return null;
    // Written as the difference to the expected picture, modulo 256.
    for (let at = 0; at < pixels.data.length; at += 1) if (at % 4 !== 3) pixels.data[at] = (pixels.data[at] + under.data[at]) & 255;
    return pixels;
  }

  // The pictures of one case: `of(kind)` gives a promise of its ImageData, or of null where this page may not read it.
  function reader(told) {
    const known = new Map();
    const direct = (place) => {
      const source = editproof.url(place[0]);
      return source.startsWith("data:") || location.protocol !== "file:" ? decode(source).catch(() => null) : Promise.resolve(null);
    };
    async function load(kind, place) {
      const pixels = await direct(place);
      if (pixels || !told.pixels[kind]) return pixels;
      return fromScript(told.pixels[kind], () => of("expected", told.pictures.expected)).catch(() => null);
    }
    function of(kind, place) {
      if (!place) return Promise.resolve(null);
      const key = place[0];
      if (!known.has(key)) known.set(key, load(kind, place));
      return known.get(key);
    }
    return of;
  }

  // R, G, B at a place given as shares of the height and width.
  function at(pixels, v, u) {
    const row = Math.min(pixels.height - 1, Math.max(0, Math.floor(v * pixels.height)));
    const column = Math.min(pixels.width - 1, Math.max(0, Math.floor(u * pixels.width)));
    return [...pixels.data.slice(4 * (row * pixels.width + column), 4 * (row * pixels.width + column) + 3)];
  }

  editproof.pixelReader = reader;
  editproof.pixelAt = at;
})();

// The pixels of a case's pictures, and their colour: sRGB, CIELAB under D65, CIEDE2000.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const WHITE = [0.95047, 1, 1.08883];

  // 8-bit sRGB -> CIELAB under D65, 2°.
  function lab(rgb) {
    const [r, g, b] = rgb.map((level) => {
      const share = level / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const [x, y, z] = [
      0.412453 * r + 0.35758 * g + 0.180423 * b,
      0.212671 * r + 0.71516 * g + 0.072169 * b,
      0.019334 * r + 0.119193 * g + 0.950227 * b,
    ].map((value, at) => {
      const share = value / WHITE[at];
      return share > 0.008856 ? Math.cbrt(share) : 7.787 * share + 16 / 116;
    });
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  }

  const radians = (degrees) => (degrees * Math.PI) / 180;

  function hue(a, b) {
    if (a === 0 && b === 0) return 0;
    const degrees = (Math.atan2(b, a) * 180) / Math.PI;
    return degrees < 0 ? degrees + 360 : degrees;
  }

  // CIEDE2000 of two colours in CIELAB (Sharma, Wu & Dalal 2005).
  function deltaE00([L1, a1, b1], [L2, a2, b2]) {
    const mean = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2;
    const grey = 0.5 * (1 - Math.sqrt(mean ** 7 / (mean ** 7 + 25 ** 7)));
    const [A1, A2] = [a1 * (1 + grey), a2 * (1 + grey)];
    const [C1, C2] = [Math.hypot(A1, b1), Math.hypot(A2, b2)];
    const [h1, h2] = [hue(A1, b1), hue(A2, b2)];
    const coloured = C1 * C2 !== 0;
    let turn = coloured ? h2 - h1 : 0;
    if (turn > 180) turn -= 360;
    else if (turn < -180) turn += 360;
    const dL = L2 - L1;
    const dC = C2 - C1;
    const dH = 2 * Math.sqrt(C1 * C2) * Math.sin(radians(turn / 2));
    const L = (L1 + L2) / 2;
    const C = (C1 + C2) / 2;
    let h = h1 + h2;
    if (coloured) h = Math.abs(h1 - h2) <= 180 ? h / 2 : h < 360 ? (h + 360) / 2 : (h - 360) / 2;
    const T = 1 - 0.17 * Math.cos(radians(h - 30)) + 0.24 * Math.cos(radians(2 * h))
      + 0.32 * Math.cos(radians(3 * h + 6)) - 0.2 * Math.cos(radians(4 * h - 63));
    const SL = 1 + (0.015 * (L - 50) ** 2) / Math.sqrt(20 + (L - 50) ** 2);
    const SC = 1 + 0.045 * C;
    const SH = 1 + 0.015 * C * T;
    const RT = -2 * Math.sqrt(C ** 7 / (C ** 7 + 25 ** 7)) * Math.sin(radians(60 * Math.exp(-(((h - 275) / 25) ** 2))));
    return Math.sqrt((dL / SL) ** 2 + (dC / SC) ** 2 + (dH / SH) ** 2 + RT * (dC / SC) * (dH / SH));
  }

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

  editproof.colour = { lab, deltaE00 };
  editproof.pixelReader = reader;
  editproof.pixelAt = at;
})();

// The maps that the page computes by itself: difference, ΔE00, SSIM and local contrast, as the metrics of editproof do.
// One function without anything around it, so that its text also runs in a worker.
"use strict";

window.editproof = window.editproof || {};

editproof.mapMath = () => {
  const WHITE = [0.95047, 1, 1.08883];
  const SSIM_RADIUS = 5;
  const SSIM_SIGMA = 1.5;
  const [C1, C2] = [0.01 ** 2, 0.03 ** 2];
  const CONTRAST_RADIUS = 16;
  const CONTRAST_SIGMA = 4;
  const FLOOR = 1 / 255; // contrast of one 8-bit level
  const BLOCK_PX = 16;
  const FAINT_LEVELS = 3; // of 255: less is rounding
  const MOST_AREAS = 60;
  const STRIP_PX = 262144; // pixels that are worked on at a time

  const LINEAR = Float64Array.from({ length: 256 }, (_, level) => {
    const share = level / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });

  // 8-bit sRGB -> CIELAB under D65, 2°.
  function lab(rgb) {
    const [r, g, b] = rgb.map((level) => LINEAR[level]);
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
    return Math.sqrt(Math.max(0, (dL / SL) ** 2 + (dC / SC) ** 2 + (dH / SH) ** 2 + RT * (dC / SC) * (dH / SH)));
  }

  // Pixel by pixel; a and b are R, G, B, A in a row.
  function each(a, b, value) {
    const plane = new Float32Array(a.length / 4);
    for (let at = 0; at < plane.length; at += 1) plane[at] = value(a, b, 4 * at);
    return plane;
  }

  const residual = (a, b) => each(a, b, (one, other, at) =>
    Math.sqrt(((one[at] - other[at]) ** 2 + (one[at + 1] - other[at + 1]) ** 2 + (one[at + 2] - other[at + 2]) ** 2) / 3) / 255);

  function colours(a, b) {
    const known = new Map(); // pictures have far fewer colours than pixels
    const labOf = (pixels, at) => {
      const key = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
      let found = known.get(key);
      if (found === undefined) {
        if (known.size > 500000) known.clear();
        found = lab([pixels[at], pixels[at + 1], pixels[at + 2]]);
        known.set(key, found);
      }
      return found;
    };
    return each(a, b, (one, other, at) =>
      (one[at] === other[at] && one[at + 1] === other[at + 1] && one[at + 2] === other[at + 2] ? 0 : deltaE00(labOf(one, at), labOf(other, at))));
  }

  function gaussian(radius, sigma) {
    const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, at) => Math.exp(-((at - radius) ** 2) / (2 * sigma * sigma)));
    const sum = kernel.reduce((total, one) => total + one, 0);
    return kernel.map((one) => one / sum);
  }

  // Beyond an edge the picture is mirrored, its edge included.
  function mirrored(at, length) {
    let place = at;
    while (place < 0 || place >= length) place = place < 0 ? -1 - place : 2 * length - 1 - place;
    return place;
  }

  function blur(plane, height, width, kernel) {
    const radius = (kernel.length - 1) / 2;
    const across = new Float64Array(plane.length);
    for (let row = 0; row < plane.length; row += width) {
      for (let k = 0; k < kernel.length; k += 1) {
        const shift = k - radius;
        const weight = kernel[k];
        for (let x = 0; x < width; x += 1) {
          const from = x + shift;
          across[row + x] += weight * plane[row + (from >= 0 && from < width ? from : mirrored(from, width))];
        }
      }
    }
    const blurred = new Float64Array(plane.length);
    for (let y = 0; y < height; y += 1) {
      for (let k = 0; k < kernel.length; k += 1) {
        const from = mirrored(y + k - radius, height) * width;
        const weight = kernel[k];
        for (let x = 0, to = y * width; x < width; x += 1, to += 1) blurred[to] += weight * across[from + x];
      }
    }
    return blurred;
  }

  // Strip by strip, so that a large picture needs little memory; each strip has the rows around it that it depends on.
  function byStrips(a, b, height, width, radius, of) {
    const plane = new Float32Array(height * width);
    const step = Math.max(Math.floor(STRIP_PX / width), 8 * radius, 1);
    for (let start = 0; start < height; start += step) {
      const stop = Math.min(start + step, height);
      const first = Math.max(start - radius, 0);
      const last = Math.min(stop + radius, height);
      const part = (pixels) => pixels.subarray(4 * first * width, 4 * last * width);
      const strip = of(part(a), part(b), last - first, width);
      plane.set(strip.subarray((start - first) * width, (stop - first) * width), start * width);
    }
    return plane;
  }

  function moments(one, other, height, width, kernel) {
    const product = (x, y) => x.map((value, at) => value * y[at]);
    const [m1, m2, s11, s22, s12] = [one, other, product(one, one), product(other, other), product(one, other)].map((plane) => blur(plane, height, width, kernel));
    return { m1, m2, v1: (at) => s11[at] - m1[at] ** 2, v2: (at) => s22[at] - m2[at] ** 2, cov: (at) => s12[at] - m1[at] * m2[at] };
  }

  function similarity(a, b, height, width) {
    const kernel = gaussian(SSIM_RADIUS, SSIM_SIGMA);
    return byStrips(a, b, height, width, SSIM_RADIUS, (one, other, rows) => {
      const plane = new Float32Array(rows * width);
      for (let channel = 0; channel < 3; channel += 1) {
        const values = (pixels) => Float64Array.from({ length: plane.length }, (_, at) => pixels[4 * at + channel] / 255);
        const { m1, m2, v1, v2, cov } = moments(values(one), values(other), rows, width, kernel);
        for (let at = 0; at < plane.length; at += 1) {
          plane[at] += ((2 * m1[at] * m2[at] + C1) * (2 * cov(at) + C2)) / ((m1[at] ** 2 + m2[at] ** 2 + C1) * (v1(at) + v2(at) + C2)) / 3;
        }
      }
      return plane;
    });
  }

  function contrast(a, b, height, width) {
    const kernel = gaussian(CONTRAST_RADIUS, CONTRAST_SIGMA);
    return byStrips(a, b, height, width, CONTRAST_RADIUS, (one, other, rows) => {
      const luma = (pixels) => Float64Array.from({ length: rows * width }, (_, at) => (0.299 * pixels[4 * at] + 0.587 * pixels[4 * at + 1] + 0.114 * pixels[4 * at + 2]) / 255);
      const { m1, v1, v2 } = moments(luma(one), luma(other), rows, width, kernel);
      return Float32Array.from(m1, (_, at) => 20 * Math.log10((Math.sqrt(Math.max(0, v2(at))) + FLOOR) / (Math.sqrt(Math.max(0, v1(at))) + FLOOR)));
    });
  }

  // Where b differs from a: blocks of 16 px that differ by more than rounding, those that touch taken together; a box each, as top,
  // left, bottom, right, the most different first.
  function areas(a, b, height, width) {
    const [rows, columns] = [Math.ceil(height / BLOCK_PX), Math.ceil(width / BLOCK_PX)];
    const sums = new Float64Array(rows * columns);
    const most = new Uint8Array(rows * columns);
    for (let y = 0, at = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1, at += 4) {
        const gap = Math.max(Math.abs(a[at] - b[at]), Math.abs(a[at + 1] - b[at + 1]), Math.abs(a[at + 2] - b[at + 2]));
        const block = Math.floor(y / BLOCK_PX) * columns + Math.floor(x / BLOCK_PX);
        sums[block] += gap;
        if (gap > most[block]) most[block] = gap;
      }
    }
    const open = new Set([...most.keys()].filter((block) => most[block] > FAINT_LEVELS));
    const found = [];
    while (open.size) {
      const [first] = open;
      const box = { sum: 0, top: rows, left: columns, bottom: 0, right: 0 };
      const next = [first];
      open.delete(first);
      while (next.length) {
        const block = next.pop();
        const [row, column] = [Math.floor(block / columns), block % columns];
        box.sum += sums[block];
        Object.assign(box, { top: Math.min(box.top, row), left: Math.min(box.left, column), bottom: Math.max(box.bottom, row + 1), right: Math.max(box.right, column + 1) });
        for (let y = row - 1; y <= row + 1; y += 1) {
          for (let x = column - 1; x <= column + 1; x += 1) {
            const beside = y * columns + x;
            if (x >= 0 && x < columns && open.delete(beside)) next.push(beside);
          }
        }
      }
      found.push(box);
    }
    found.sort((one, other) => other.sum - one.sum);
    return Float32Array.from(found.slice(0, MOST_AREAS).flatMap(({ top, left, bottom, right }) =>
      [top * BLOCK_PX, left * BLOCK_PX, Math.min(height, bottom * BLOCK_PX), Math.min(width, right * BLOCK_PX)]));
  }

  const MAPS = { psnr: residual, delta_e00: colours, ssim: similarity, local_contrast: contrast };

  // One value for each pixel of b beside a: both R, G, B, A in a row, of one size.
  const compute = (metric, a, b, height, width) => ({ ...MAPS, areas })[metric](a, b, height, width);

  return { lab, deltaE00, compute, metrics: Object.keys(MAPS) };
};

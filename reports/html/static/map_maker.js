// Makes the page's own maps in a worker, and draws any map with its colours.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const MANY = 12; // maps that are kept in memory
  const here = editproof.mapMath();
  const known = new Map(); // key -> promise of a plane
  const waiting = new Map(); // number of a job -> [done, fail]
  let worker = null;
  let jobs = 0;

  const SOURCE = `const { compute } = (${editproof.mapMath})();
    onmessage = ({ data: { job, metric, a, b, height, width } }) => {
      const plane = compute(metric, a, b, height, width);
      postMessage({ job, plane }, [plane.buffer]);
    };`;

  function start() {
    worker = new Worker(URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" })));
    worker.onmessage = ({ data: { job, plane } }) => {
      waiting.get(job)?.[0](plane);
      waiting.delete(job);
    };
    worker.onerror = (event) => {
      for (const [, fail] of waiting.values()) fail(new Error(event.message));
      waiting.clear();
    };
  }

  function ask(metric, a, b) {
    if (worker === null) start();
    jobs += 1;
    return new Promise((done, fail) => {
      waiting.set(jobs, [done, fail]);
      worker.postMessage({ job: jobs, metric, a: a.data, b: b.data, height: a.height, width: a.width });
    });
  }

  // The map of a metric, of b beside a (ImageData of one size); `key` names the pair. A promise of one value a pixel.
  function make(key, metric, a, b) {
    const name = `${metric} ${key}`;
    if (!known.has(name)) {
      known.set(name, ask(metric, a, b));
      known.get(name).catch(() => known.delete(name));
      if (known.size > MANY) known.delete(known.keys().next().value);
    }
    return known.get(name);
  }

  // 0 … 255 in the colours of a scale.
  function level(value, { low, high, better }) {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return Math.round((better === "higher" ? 1 - share : share) * 255);
  }

  // A canvas with a plane in the colours of its scale; `palette` is 256 colours of six hexadecimal digits.
  function paint(plane, height, width, scale, palette) {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { height, width });
    const colours = Uint32Array.from({ length: 256 }, (_, at) => {
      const rgb = parseInt(palette.slice(6 * at, 6 * at + 6), 16);
      return (0xff000000 | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
    });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer); // little-endian, as every browser's machine is
    for (let at = 0; at < plane.length; at += 1) pixels[at] = colours[level(plane[at], scale)];
    context.putImageData(image, 0, 0);
    return canvas;
  }

  editproof.colour = { lab: here.lab, deltaE00: here.deltaE00 };
  editproof.maps = { metrics: here.metrics, make, paint, level };
})();

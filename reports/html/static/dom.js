// How the page is made: elements whose text and attributes are always data, never markup; files beside the page.
"use strict";

window.editproof = window.editproof || {};

(() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
      else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
      else node.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined && child !== false) node.append(child);
    }
    return node;
  }

  // An element: el("a", { href, onclick: fn, hidden: true, style: { left: "4px" } }, "text", otherElement, [more]).
  editproof.el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

  // The same for SVG.
  editproof.svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  // A foreign name, kept from changing the direction of what stands beside it.
  editproof.name = (text) => editproof.el("bdi", null, text);

  // A text in which what stands between backticks is code: a list of texts and elements.
  editproof.prose = (text) => {
    const parts = text.split("`");
    return parts.length % 2 ? parts.map((part, at) => (at % 2 ? editproof.el("code", null, part) : part)) : [text];
  };

  // Path -> data: URI, in a report that is a single file; else empty.
  editproof.files = editproof.files || {};

  // Where a file of the report lies, from its path relative to the page. Whatever a script loads goes through here.
  editproof.url = (path) => (Object.hasOwn(editproof.files, path) ? editproof.files[path] : path);

  // Runs a script that lies beside the page; the promise is kept once it has run. (file:// knows no fetch.)
  editproof.load = (path) =>
    new Promise((done, fail) => {
      const script = editproof.el("script", { src: editproof.url(path) });
      script.onload = () => { script.remove(); done(); };
      script.onerror = () => { script.remove(); fail(new Error(`${path} can't be loaded`)); };
      document.head.append(script);
    });
})();

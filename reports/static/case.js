// The comparison viewer and the keys of a case's page.
"use strict";

const viewer = document.getElementById("viewer");
const keys = {
  j: () => go("next"),
  k: () => go("prev"),
};

function go(rel) {
  const link = document.querySelector(`link[rel=${rel}]`);
  if (link) location.href = link.href;
}

function startViewer() {
  const stage = viewer.querySelector(".stage");
  const box = viewer.querySelector(".layers");
  const layers = Object.fromEntries([...box.children].map((image) => [image.dataset.layer, image]));
  const status = viewer.querySelector(".shown");
  const cut = viewer.querySelector(".cut");
  const range = cut.querySelector("input");
  const help = document.getElementById("keys");
  const places = [...document.querySelectorAll(".windows button")];
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const width = Number(layers.actual.dataset.width);
  const height = Number(layers.actual.dataset.height);
  const zooms = [0, 1, 2, 4, 8];
  let mode = "";
  let zoom = 0;
  let side = "expected";
  let timer = 0;
  let place = -1;

  function press(name, value) {
    for (const button of viewer.querySelectorAll(`[data-${name}]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[name] === String(value)));
    }
  }

  function draw() {
    const seen = mode === "slider" ? ["expected", "actual"] : [mode === "blink" ? side : mode];
    for (const [name, image] of Object.entries(layers)) {
      image.hidden = !seen.includes(name);
      image.style.clipPath = mode === "slider" && name === "actual" ? `inset(0 0 0 ${range.value}%)` : "";
    }
    box.style.setProperty("--cut", `${range.value}%`);
    box.classList.toggle("sliding", mode === "slider");
    cut.hidden = mode !== "slider";
    tell();
  }

  function tell() {
    const percent = Math.round((100 * box.clientWidth) / width);
    const what = mode === "blink" ? `${side}, ` : "";
    status.textContent = `${what}shown at ${percent} %${percent < 100 ? ", reduced" : ""}`;
  }

  function show(next) {
    clearInterval(timer);
    // With reduced motion the blink moves by key only.
    if (next === "blink" && (mode === "blink" || !still)) side = side === "expected" ? "actual" : "expected";
    mode = next;
    if (mode === "blink" && !still) {
      timer = setInterval(() => { side = side === "expected" ? "actual" : "expected"; draw(); }, 600);
    }
    press("show", mode);
    draw();
  }

  function setZoom(next, centre) {
    const at = centre ?? {
      y: (stage.scrollTop + stage.clientHeight / 2) / (box.clientHeight || 1),
      x: (stage.scrollLeft + stage.clientWidth / 2) / (box.clientWidth || 1),
    };
    zoom = next;
    const scale = zoom || Math.min(stage.clientWidth / width, (0.78 * innerHeight) / height);
    box.style.width = `${Math.floor(width * scale)}px`;
    box.style.height = `${Math.floor(height * scale)}px`;
    box.classList.toggle("crisp", scale > 1);
    stage.scrollTop = at.y * box.clientHeight - stage.clientHeight / 2;
    stage.scrollLeft = at.x * box.clientWidth - stage.clientWidth / 2;
    press("zoom", zoom);
    tell();
  }

  function jump(index) {
    place = index % places.length;
    const { y, x } = places[place].dataset;
    setZoom(4, { y: y / height, x: x / width });
    viewer.scrollIntoView({ block: "start" });
  }

  function slide(event) {
    if (mode !== "slider" || (event.type === "pointermove" && !event.buttons)) return;
    const edges = box.getBoundingClientRect();
    range.value = (100 * (event.clientX - edges.left)) / edges.width;
    draw();
  }

  viewer.hidden = false;
  for (const button of viewer.querySelectorAll("[data-show]")) button.onclick = () => show(button.dataset.show);
  for (const button of viewer.querySelectorAll("[data-zoom]")) button.onclick = () => setZoom(Number(button.dataset.zoom));
  places.forEach((button, index) => { button.onclick = () => jump(index); });
  range.oninput = draw;
  box.addEventListener("pointerdown", slide);
  box.addEventListener("pointermove", slide);
  box.addEventListener("dragstart", (event) => event.preventDefault());
  addEventListener("resize", () => { if (!zoom) setZoom(0); });
  document.getElementById("help").onclick = () => help.showModal();
  ["input", "expected", "actual", "difference"].forEach((name, index) => {
    if (layers[name]) keys[index + 1] = () => show(name);
  });
  keys.s = () => show("slider");
  keys.b = () => show("blink");
  keys.z = () => setZoom(zooms[(zooms.indexOf(zoom) + 1) % zooms.length]);
  keys["?"] = () => (help.open ? help.close() : help.showModal());
  if (places.length) keys.w = () => jump(place + 1);
  show("slider");
  setZoom(0);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("select, textarea, input:not([type=range])")) return;
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

if (viewer) startViewer();
for (const button of viewer ? [] : document.querySelectorAll(".windows button")) button.disabled = true;

// The viewer: two pictures under one transform, a divider between them, the realism dial and the timestep map.

const TILE = 64, T_MAX = 200, ZOOM_MAX = 16;
// Dark violet to yellow, evenly spaced; values between are interpolated.
const HEAT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const SIDES = ["left", "right"];
const view = { divider: 0.5, scale: 1, x: 0, y: 0, side: false, original: false };

const photo = () => DATA.viewer[Number(byId("image").value)];
const rate = () => photo().rates[Number(byId("rate").value)];
const realismIndex = () => Number(byId("dial").value);

function heat(part) {
  const at = Math.min(Math.max(part, 0), 1) * (HEAT.length - 1);
  const low = Math.min(Math.floor(at), HEAT.length - 2);
  return HEAT[low].map((c, i) => Math.round(c + (HEAT[low + 1][i] - c) * (at - low)));
}

// What a side shows: {title, picture, small, entry, step}.
function shown(side) {
  const [kind, codec] = byId(`${side}-codec`).value.split("|");
  const entry = rate().entries.find((e) => e.codec === codec);
  if (view.original || kind === "original" || !entry) return { title: "Original", picture: photo().original };
  if (kind === "lr") return { title: `LR of ${entry.title}`, picture: entry.lr, small: true, entry };
  if (!entry.dial) return { title: entry.title, picture: entry.picture, entry, metrics: entry.metrics };
  const step = entry.dial[Math.min(realismIndex(), entry.dial.length - 1)];
  return { title: `${entry.title}, realism ${step.realism}`, picture: step.picture, entry, metrics: step.metrics, step };
}

function fillCodecs() {
  const entries = rate().entries;
  const ours = entries.filter((e) => e.dial), peers = entries.filter((e) => !e.dial);
  const options = [["original|", "Original"], ...ours.map((e) => [`codec|${e.codec}`, e.title]),
    ...peers.map((e) => [`codec|${e.codec}`, e.title]), ...ours.map((e) => [`lr|${e.codec}`, `LR of ${e.title}`])];
  const usual = { left: "original|", right: ours.length ? `codec|${ours[0].codec}` : (options[1] || options[0])[0] };
  for (const side of SIDES) {
    const select = byId(`${side}-codec`), before = select.value;
    fill(select, options, options.some(([value]) => value === before) ? before : usual[side]);
  }
  byId("dial-label").style.visibility = ours.length ? "visible" : "hidden";
}

function drawSide(side) {
  const now = shown(side), pane = byId(`${side}-pane`), image = byId(`${side}-img`);
  const layer = pane.firstElementChild, { width, height, x, y } = photo();
  layer.style.width = width + "px";
  layer.style.height = height + "px";
  if (image.src !== DATA.pictures[now.picture]) image.src = DATA.pictures[now.picture];
  image.alt = now.title;
  image.dataset.picture = now.picture;
  image.classList.toggle("small", Boolean(now.small));
  // an LR covers the whole photograph, of which the viewer may show a crop
  const scale = now.small ? lrScale(now.entry) : 1;
  image.style.left = now.small ? -x + "px" : "0";
  image.style.top = now.small ? -y + "px" : "0";
  image.style.width = (now.small ? now.entry.lr_size[0] * scale : width) + "px";
  image.style.height = (now.small ? now.entry.lr_size[1] * scale : height) + "px";
  drawMap(pane.querySelector("canvas"), now.entry && now.entry.timesteps, x, y);
  byId(`${side}-tag`).textContent = now.title;
  drawCaption(byId(`${side}-caption`), now);
}

function lrScale(entry) {
  return Math.round(photo().full[0] / entry.lr_size[0]) || 1;
}

function drawCaption(place, now) {
  const about = now.entry ? `${now.entry.bytes} bytes, ${bppText(now.entry.bpp)} bpp` : `${photo().full[0]} x ${photo().full[1]} pixels`;
  const names = ["psnr", "ms_ssim", "texture", "sharp", "lpips_vgg", "dists"].filter((m) => now.metrics && m in now.metrics);
  const values = names.map((m) => `${DATA.metrics[m].title} ${metricText(m, now.metrics[m])}`).join(", ");
  place.replaceChildren(make("b", now.title), make("span", values ? `${about}; ${values}` : about));
}

function drawMap(canvas, timesteps, x, y) {
  const on = byId("map").checked && Array.isArray(timesteps);
  canvas.style.display = on ? "block" : "none";
  if (!on) return;
  const rows = timesteps.length, columns = timesteps[0].length;
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d"), pixels = context.createImageData(columns, rows);
  timesteps.flat().forEach((t, i) => pixels.data.set([...heat(t / T_MAX), 255], 4 * i));
  context.putImageData(pixels, 0, 0);
  Object.assign(canvas.style, { left: -x + "px", top: -y + "px", width: columns * TILE + "px", height: rows * TILE + "px" });
}

function drawThumbnail() {
  const sides = ["right", "left"].map(shown);
  const ours = (sides.find((s) => s.entry && s.entry.lr) || {}).entry || rate().entries.find((e) => e.lr);
  byId("thumbnail").style.visibility = ours ? "visible" : "hidden";
  if (!ours) return;
  byId("lr").src = DATA.pictures[ours.lr];
  byId("thumbnail").querySelector("figcaption").textContent =
    `LR inside the file of ${ours.title}: ${ours.lr_size[0]} x ${ours.lr_size[1]} pixels`;
}

function draw() {
  SIDES.forEach(drawSide);
  drawThumbnail();
  byId("dial-value").textContent = DATA.dial[realismIndex()];
  byId("map-legend").style.display = byId("map").checked ? "flex" : "none";
  place();
}

// Put both pictures under the transform and cut them at the divider.
function place() {
  const stage = byId("stage"), width = stage.clientWidth, cut = Math.round(view.divider * width);
  stage.classList.toggle("side", view.side);
  stage.classList.toggle("pixels", view.scale >= 3);
  for (const side of SIDES) {
    byId(`${side}-pane`).firstElementChild.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  }
  byId("left-pane").style.clipPath = view.side ? "none" : `inset(0 ${width - cut}px 0 0)`;
  byId("right-pane").style.clipPath = view.side ? "none" : `inset(0 0 0 ${cut}px)`;
  byId("divider").style.left = cut + "px";
  byId("divider").setAttribute("aria-valuenow", Math.round(100 * view.divider));
  byId("zoom").textContent = Math.round(100 * view.scale) + "%";
  byId("mode-divider").setAttribute("aria-pressed", String(!view.side));
  byId("mode-side").setAttribute("aria-pressed", String(view.side));
}

const paneWidth = () => byId("stage").clientWidth * (view.side ? 0.5 : 1);

function fit() {
  const { width, height } = photo(), full = byId("stage").clientHeight;
  view.scale = Math.min(paneWidth() / width, full / height);
  view.x = (paneWidth() - width * view.scale) / 2;
  view.y = (full - height * view.scale) / 2;
  place();
}

// Zoom by a factor about a point of the stage, which stays where it is.
function zoom(factor, x = paneWidth() / 2, y = byId("stage").clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 0.1), ZOOM_MAX), by = scale / view.scale;
  view.x = x - (x - view.x) * by;
  view.y = y - (y - view.y) * by;
  view.scale = scale;
  place();
}

function stagePoint(event) {
  const box = byId("stage").getBoundingClientRect();
  const x = event.clientX - box.left;
  return [view.side && x > box.width / 2 ? x - box.width / 2 : x, event.clientY - box.top];
}

function moveDivider(to) {
  view.divider = Math.min(Math.max(to, 0), 1);
  place();
}

// Follow the pointer from its press on an element until its release.
function follow(element, press, move) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const from = press(event);
    const go = (e) => move(e, from);
    element.addEventListener("pointermove", go);
    element.addEventListener("lostpointercapture", () => {
      element.removeEventListener("pointermove", go);
      byId("stage").classList.remove("dragging");
    }, { once: true });
  });
}

function listen() {
  const stage = byId("stage"), divider = byId("divider");
  follow(divider, () => null, (e) => {
    const box = stage.getBoundingClientRect();
    moveDivider((e.clientX - box.left) / box.width);
  });
  follow(stage, (e) => {
    stage.classList.add("dragging");
    return { x: e.clientX - view.x, y: e.clientY - view.y };
  }, (e, from) => {
    view.x = e.clientX - from.x;
    view.y = e.clientY - from.y;
    place();
  });
  stage.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY * 0.0015), ...stagePoint(e));
  }, { passive: false });
  divider.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 }[e.key];
    if (step === undefined) return;
    e.preventDefault();
    moveDivider(view.divider + step);
  });
  const peek = (on) => (e) => {
    if (e.key.toLowerCase() !== "o" || view.original === on || /SELECT|INPUT/.test(e.target.tagName)) return;
    view.original = on;
    draw();
  };
  document.addEventListener("keydown", peek(true));
  document.addEventListener("keyup", peek(false));
  byId("zoom-in").addEventListener("click", () => zoom(1.5));
  byId("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
  byId("zoom-fit").addEventListener("click", fit);
  byId("zoom-one").addEventListener("click", () => zoom(1 / view.scale));
  byId("mode-divider").addEventListener("click", () => { view.side = false; fit(); });
  byId("mode-side").addEventListener("click", () => { view.side = true; fit(); });
  byId("image").addEventListener("change", () => { fillRates(); fillCodecs(); draw(); fit(); });
  byId("rate").addEventListener("change", () => { fillCodecs(); draw(); });
  for (const id of ["left-codec", "right-codec", "map"]) byId(id).addEventListener("change", draw);
  byId("dial").addEventListener("input", draw);
  window.addEventListener("resize", place);
}

function fillRates() {
  const before = byId("rate").value || "1";
  const rates = photo().rates.map((r, i) => [String(i), `${r.target} bpp`]);
  fill(byId("rate"), rates, String(Math.min(Number(before), rates.length - 1)));
}

function startViewer() {
  if (!DATA.viewer.length) {
    byId("viewer-section").remove();
    return;
  }
  fill(byId("image"), DATA.viewer.map((p, i) => [String(i), p.name]), "0");
  fillRates();
  byId("dial").max = DATA.dial.length - 1;
  byId("dial").value = DATA.dial.length - 1;
  fillCodecs();
  const legend = byId("map-legend").querySelector("canvas").getContext("2d");
  for (let i = 0; i < 100; i += 1) {
    legend.fillStyle = `rgb(${heat(i / 99)})`;
    legend.fillRect(i, 0, 1, 1);
  }
  const cropped = DATA.viewer.some((p) => p.width < p.full[0] || p.height < p.full[1]);
  byId("viewer-note").textContent = "Drag the picture to move it, scroll to zoom, hold O for the original. " +
    (cropped ? "Large photographs are shown as a crop at full resolution. " : "") +
    (DATA.lossless ? "" : "Pictures are coded once more for this page (AVIF 4:4:4, high quality); every figure was measured on the exact pixels.");
  listen();
  draw();
  fit();
}

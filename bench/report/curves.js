// Rate-distortion curves as SVG, with a tooltip at the nearest point.

const SVG = "http://www.w3.org/2000/svg";
const hidden = new Set(shownCodecs().filter((name) => !DATA.codecs[name].drawn));
let drawnPoints = [];

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Means of a codec by rate; two targets that took the same files are one point.
function pointsOf(codec, metric) {
  const found = new Map();
  for (const line of DATA.summary) {
    if (line.codec !== codec || !(metric in line.metrics)) continue;
    const point = { codec, bpp: line.bpp, value: line.metrics[metric], n: line.n, of: line.of, bytes: line.bytes };
    found.set(point.bpp + " " + point.value, point);
  }
  return [...found.values()].sort((a, b) => a.bpp - b.bpp);
}

function niceSteps(low, high) {
  const rough = (high - low) / 6;
  const size = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map((f) => f * size).find((s) => s >= rough);
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) ticks.push(Number(t.toPrecision(8)));
  return ticks;
}

function drawCurves() {
  const metric = byId("metric").value;
  const view = byId("curves");
  const width = view.clientWidth || 800, height = view.clientHeight || 460;
  const edge = { left: 58, right: 12, top: 12, bottom: 40 };
  const curves = shownCodecs().filter((c) => !hidden.has(c)).map((c) => [c, pointsOf(c, metric)]);
  const all = curves.flatMap(([, points]) => points);
  view.setAttribute("viewBox", `0 0 ${width} ${height}`);
  view.replaceChildren();
  drawnPoints = [];
  if (!all.length) return;
  const span = (values) => [Math.min(...values), Math.max(...values)];
  let [x0, x1] = span(all.map((p) => Math.log(p.bpp)));
  let [y0, y1] = span(all.map((p) => p.value));
  const padX = (x1 - x0 || 1) * 0.03, padY = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
  [x0, x1, y0, y1] = [x0 - padX, x1 + padX, y0 - padY, y1 + padY];
  const px = (bpp) => edge.left + ((Math.log(bpp) - x0) / (x1 - x0)) * (width - edge.left - edge.right);
  const py = (value) => height - edge.bottom - ((value - y0) / (y1 - y0)) * (height - edge.top - edge.bottom);
  drawAxes(view, { px, py, x0, x1, y0, y1, width, height, edge });
  for (const [codec, points] of curves) drawCurve(view, codec, points, px, py);
}

function drawAxes(view, at) {
  const { px, py, width, height, edge } = at;
  const bottom = height - edge.bottom;
  for (const tick of [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 20]) {
    if (Math.log(tick) < at.x0 || Math.log(tick) > at.x1) continue;
    view.append(svg("line", { class: "grid", x1: px(tick), x2: px(tick), y1: edge.top, y2: bottom }));
    view.append(svg("text", { x: px(tick), y: bottom + 16, "text-anchor": "middle" }, String(tick)));
  }
  for (const tick of niceSteps(at.y0, at.y1)) {
    view.append(svg("line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: py(tick), y2: py(tick) }));
    view.append(svg("text", { x: edge.left - 8, y: py(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  view.append(svg("line", { class: "axis", x1: edge.left, x2: width - edge.right, y1: bottom, y2: bottom }));
  view.append(svg("text", { x: (edge.left + width) / 2, y: height - 6, "text-anchor": "middle" }, "bits per pixel, whole file"));
}

function drawCurve(view, codec, points, px, py) {
  const look = DATA.codecs[codec];
  const path = points.filter((p) => p.n === p.of).map((p) => `${px(p.bpp).toFixed(1)},${py(p.value).toFixed(1)}`).join(" ");
  view.append(svg("polyline", { points: path, fill: "none", stroke: look.colour, "stroke-width": look.width,
    "stroke-dasharray": look.dashes, "stroke-linejoin": "round" }));
  for (const point of points) {
    const whole = point.n === point.of;
    const dot = svg("circle", { cx: px(point.bpp), cy: py(point.value), r: 3.5, stroke: look.colour,
      fill: whole ? look.colour : "#fff", opacity: whole ? 1 : 0.7 });
    view.append(dot);
    drawnPoints.push({ ...point, x: px(point.bpp), y: py(point.value), dot });
  }
}

function showTooltip(event) {
  const view = byId("curves"), tip = byId("tooltip"), box = view.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  let best = null, least = 28;
  for (const point of drawnPoints) {
    point.dot.setAttribute("r", 3.5);
    const away = Math.hypot(point.x - x, point.y - y);
    if (away < least) [best, least] = [point, away];
  }
  tip.style.display = best ? "block" : "none";
  if (!best) return;
  best.dot.setAttribute("r", 6);
  const metric = byId("metric").value;
  const over = best.n === best.of ? `${best.n} photographs` : `only ${best.n} of ${best.of} photographs`;
  tip.textContent = `${DATA.codecs[best.codec].title}\n${DATA.metrics[metric].title} ${metricText(metric, best.value)}\n` +
    `${bppText(best.bpp)} bpp, ${Math.round(best.bytes)} bytes\nmean over ${over}`;
  const right = event.clientX + 16 + tip.offsetWidth > window.innerWidth;
  tip.style.left = (right ? event.clientX - 16 - tip.offsetWidth : event.clientX + 16) + "px";
  tip.style.top = event.clientY + 14 + "px";
}

function drawLegend() {
  const buttons = (wanted) => shownCodecs().filter((codec) => DATA.codecs[codec].drawn === wanted).map((codec) => {
    const look = DATA.codecs[codec];
    const button = make("button", null, { type: "button", "aria-pressed": String(!hidden.has(codec)) });
    const line = svg("svg", { width: 34, height: 10 });
    line.append(svg("line", { x1: 1, x2: 33, y1: 5, y2: 5, stroke: look.colour, "stroke-width": look.width,
      "stroke-dasharray": look.dashes }));
    button.append(line, make("span", look.title));
    button.addEventListener("click", () => {
      if (!hidden.delete(codec)) hidden.add(codec);
      button.setAttribute("aria-pressed", String(!hidden.has(codec)));
      drawCurves();
    });
    return button;
  });
  const rest = buttons(false);
  byId("legend").replaceChildren(...buttons(true));
  if (!rest.length) return;
  const more = make("details");
  more.append(make("summary", `${rest.length} with points at one rate or for some photographs`), ...rest);
  byId("legend").append(more);
}

function startCurves() {
  const wanted = DATA.shown_metrics;
  fill(byId("metric"), wanted.map((m) => [m, metricTitle(m)]), wanted.includes("ms_ssim") ? "ms_ssim" : wanted[0]);
  byId("metric").addEventListener("change", drawCurves);
  byId("metric-note").textContent = "Hollow points are means over fewer photographs: those that reach the rate. Click a codec to hide or show it.";
  byId("curves").addEventListener("mousemove", showTooltip);
  byId("curves").addEventListener("mouseleave", () => { byId("tooltip").style.display = "none"; });
  window.addEventListener("resize", drawCurves);
  drawLegend();
  drawCurves();
}

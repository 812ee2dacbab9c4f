// BD-rates, winners, means, and the conditions of measurement.

function table(id, header, rows) {
  const head = make("tr");
  head.append(...header.map((text) => make("th", text)));
  byId(id).replaceChildren(make("thead"), make("tbody"));
  byId(id).tHead.append(head);
  byId(id).tBodies[0].append(...rows);
}

function row(cells, className) {
  const line = make("tr", null, className ? { class: className } : {});
  line.append(...cells.map((cell) => (cell instanceof Node ? cell : make("td", cell))));
  return line;
}

function drawBd() {
  const anchor = byId("anchor").value;
  const lines = DATA.bd[anchor] || [];
  const cell = (codec, metric) => {
    const found = lines.find((l) => l.codec === codec && l.metric === metric);
    if (!found || found.rate === null) return make("td", "no overlap", { class: "none" });
    const part = found.n < DATA.images ? ` (${found.n})` : "";
    const kind = codec === anchor ? "" : found.rate < 0 ? "good" : "bad";
    return make("td", `${found.rate > 0 ? "+" : ""}${found.rate.toFixed(1)}%${part}`, { class: kind });
  };
  const overlapping = shownCodecs().filter((codec) => lines.some((l) => l.codec === codec && l.rate !== null));
  table("bd", ["codec", ...DATA.bd_metrics.map((m) => DATA.metrics[m].title)], overlapping.map((codec) =>
    row([DATA.codecs[codec].title, ...DATA.bd_metrics.map((m) => cell(codec, m))], DATA.codecs[codec].ours ? "ours" : "")));
}

function drawWins() {
  const rates = [...new Set(DATA.wins.map((w) => w.target))];
  const text = (metric, codec, value) => (codec ? `${DATA.codecs[codec].title}: ${metricText(metric, value)}` : "\u2013");
  const rows = DATA.shown_metrics.flatMap((metric) => rates.map((rate, i) => {
    const won = DATA.wins.find((w) => w.metric === metric && w.target === rate);
    const first = make("td", i === 0 ? metricTitle(metric) : "");
    if (!won) return row([first, `${rate}`, "\u2013", "\u2013", "\u2013"]);
    const best = make("td", text(metric, won.codec, won.value), { class: DATA.codecs[won.codec].ours ? "name ours" : "name" });
    return row([first, `${rate}`, best, make("td", text(metric, won.ours, won.ours_value), { class: "name" }),
      make("td", text(metric, won.peer, won.peer_value), { class: "name" })]);
  }));
  table("wins", ["measure", "bpp", "best", "best of ours", "best of the others"], rows);
}

function drawMeans() {
  const target = Number(byId("means-rate").value);
  const order = shownCodecs();
  const lines = DATA.summary.filter((line) => line.target === target).sort((a, b) => order.indexOf(a.codec) - order.indexOf(b.codec));
  const missing = DATA.unreached.filter((u) => u.target === target && !lines.some((l) => l.codec === u.codec));
  const rows = lines.map((line) => row([DATA.codecs[line.codec].title, `${line.n}/${line.of}`, bppText(line.bpp),
    ...DATA.shown_metrics.map((m) => (m in line.metrics ? metricText(m, line.metrics[m]) : "\u2013")),
    line.encode_seconds.toFixed(2), line.decode_seconds.toFixed(2)], DATA.codecs[line.codec].ours ? "ours" : ""));
  rows.push(...missing.map((u) => {
    const why = make("td", `not reached: ${u.reason}`, { class: "none name", colspan: DATA.shown_metrics.length + 4 });
    return row([DATA.codecs[u.codec].title, why]);
  }));
  table("means", ["codec", "n", "bpp", ...DATA.shown_metrics.map(metricTitle), "encode, s", "decode, s"], rows);
}

function drawMethod() {
  const list = (title, items) => {
    if (!items.length) return [];
    const ul = make("ul");
    ul.append(...items.map((item) => make("li", item)));
    return [make("b", title), ul];
  };
  const how = {
    below: "At each rate every codec takes its largest file that does not exceed it, photograph by photograph.",
    nearest: "At each rate every codec takes its nearest file, at most a factor of 1.22 away, photograph by photograph.",
    finest: "Every codec takes its largest file.",
  }[DATA.protocol.name];
  const environments = DATA.environments.map((e) => `${e.date}: tadmc ${e.tadmc}, commit ${e.commit || "unknown"}; ours on ` +
    `${e.device}; CPU ${e.cpu}, ${e.threads} of ${e.cores} threads, ${e.system}, Python ${e.python}; ` +
    Object.entries({ ...e.packages, ...e.libraries }).map(([name, version]) => `${name} ${version}`).join(", "));
  const absent = Object.values(DATA.metrics).filter((m) => m.state !== "ok");
  const unknown = [...new Set(absent.map((m) => m.state))].map((state) =>
    `${absent.filter((m) => m.state === state).map((m) => m.title).join(", ")}: ${state}`);
  byId("method").replaceChildren(
    make("p", `${how} A rate is the whole file as it lies on disk; files are decoded by another process; all measures ` +
      "are of 8-bit pixels at the original's size. A downscaled peer is told the original's size for nothing. Times " +
      "are of single calls while other work may have been running."),
    ...list("Codecs", shownCodecs().map((c) => `${DATA.codecs[c].title}: ${DATA.codecs[c].version}`)),
    ...list("Not run", Object.values(DATA.skipped)),
    ...list("Not measured", unknown),
    ...list("Environment", environments));
}

function startTables() {
  const names = shownCodecs();
  const anchor = ["avif/4", "avif", "jpeg/4", "jpeg"].find((c) => names.includes(c)) || names[0];
  fill(byId("anchor"), names.map((c) => [c, DATA.codecs[c].title]), anchor);
  byId("anchor").addEventListener("change", drawBd);
  fill(byId("means-rate"), DATA.protocol.targets.map((t) => [t, `${t} bpp`]));
  byId("means-rate").addEventListener("change", drawMeans);
  drawBd();
  drawWins();
  drawMeans();
  drawMethod();
}

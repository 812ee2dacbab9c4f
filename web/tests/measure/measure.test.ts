/**
 * What the viewer costs, into `bench/results/web/measured.json`: `npm run measure`, on a machine that does nothing else.
 * MEASURE_NOTE is written down beside the figures, MEASURE_TIMES is how often each is taken.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

import type { Browser, Page } from "puppeteer-core";
import { test } from "vitest";

import { BROWSERS, launch, serve, type Kind, type Site } from "../browser/harness.js";
import { ROOT } from "../golden.js";

const TIMES = Number(process.env["MEASURE_TIMES"] ?? 3);
const OUT = `${ROOT}bench/results/web/`;

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Largest resident memory of the processes of a browser that run pages, in MiB. */
function pageMemory(browser: Browser): number {
  const root = browser.process()?.pid;
  const parents = new Map<number, number>();
  const resident = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const text = readFileSync(`/proc/${name}/status`, "utf8");
      parents.set(Number(name), Number(/PPid:\s+(\d+)/.exec(text)![1]));
      resident.set(Number(name), Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }
  const below = (pid: number): boolean => pid === root || (parents.has(pid) && pid > 1 && below(parents.get(pid)!));
  return Math.max(...[...resident].filter(([pid]) => pid !== root && below(pid)).map(([, size]) => size));
}

/** Seconds to the LR and to the photograph, bytes, of the page with the sample. */
async function onPage(page: Page, site: Site): Promise<{ lr: number; photo: number; bytes: number }> {
  const before = site.bytes();
  const start = performance.now();
  await page.goto(`${site.address}/index.html?file=examples/sample.tadm`);
  await page.waitForFunction(() => !document.getElementById("panel")!.hidden, { polling: 10 });
  const lr = performance.now();
  await page.waitForFunction(() => /^Rebuilt/.test(document.getElementById("status")!.textContent!), { polling: 10 });
  const photo = performance.now();
  return { lr: (lr - start) / 1000, photo: (photo - start) / 1000, bytes: site.bytes() - before };
}

/** Seconds of rebuilding in a page that has its networks. */
async function decoding(page: Page, name: string, width: number, height: number): Promise<number> {
  return page.evaluate(
    async (path, w, h) => {
      const file = await tadm.open(path);
      const region = { x: 0, y: 0, width: w, height: h };
      const start = performance.now();
      await file.decode({ realism: 1, region });
      return (performance.now() - start) / 1000;
    },
    name,
    width,
    height,
  );
}

/** Longest task of a page with fifty images, while those in view are rebuilt; only Chromium tells, and of none below 50 ms. */
async function fifty(browser: Browser, site: Site): Promise<Row> {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.evaluateOnNewDocument(() => {
    const told = globalThis as unknown as { long: number[]; done: number };
    [told.long, told.done] = [[], 0];
    new PerformanceObserver((list) => told.long.push(...list.getEntries().map((entry) => entry.duration))).observe({
      type: "longtask",
    });
    document.addEventListener("tadm-done", () => told.done++, true);
  });
  await page.goto(`${site.address}/fifty.html`);
  await page.waitForFunction(() => (globalThis as unknown as { done: number }).done >= 6, { timeout: 300_000 });
  const longest = await page.evaluate(() => Math.max(0, ...(globalThis as unknown as { long: number[] }).long));
  await page.close();
  return { what: "longest task with fifty images (0: none of 50 ms)", value: longest, unit: "ms" };
}

const FIFTY =
  '<!doctype html><script type="module" src="/tadm-img.js"></script>' +
  Array.from({ length: 50 }, (_, n) => `<img src="/examples/sample.tadm?${n}" width="384" height="256">`).join("");

async function measured(kind: Kind, path: string, isolated: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  const site = await serve({ isolated, extra: { "/fifty.html": FIFTY } });
  const cold: Array<Awaited<ReturnType<typeof onPage>>> = [];
  let browser = await launch(kind, path);
  for (let n = 0; n < TIMES; n++) {
    if (n > 0) {
      await browser.close();
      browser = await launch(kind, path);
    }
    cold.push(await onPage(await browser.newPage(), site));
  }
  const warm = await onPage(await browser.newPage(), site);
  rows.push({ what: "page opened, to the LR", value: median(cold.map((run) => run.lr)), unit: "s" });
  rows.push({ what: "page opened, to the photograph", value: median(cold.map((run) => run.photo)), unit: "s" });
  rows.push({ what: "transferred at the first time", value: median(cold.map((run) => run.bytes)), unit: "bytes" });
  rows.push({ what: "transferred again", value: warm.bytes, unit: "bytes" });
  const page = await browser.newPage();
  await page.goto(`${site.address}/empty.html`);
  for (const [name, width, height] of [
    ["/examples/sample.tadm", 768, 512],
    ["/examples/large.tadm", 2048, 1536],
  ] as const) {
    const times: number[] = [];
    for (let n = 0; n < TIMES; n++) times.push(await decoding(page, name, width, height));
    rows.push({ what: `rebuilding ${width} x ${height}, realism 1`, value: median(times), unit: "s" });
    rows.push({
      what: `memory of the page's process after ${width} x ${height}`,
      value: pageMemory(browser),
      unit: "MiB",
    });
  }
  if (kind === "chrome") rows.push(await fifty(browser, site));
  const version = await browser.version();
  await browser.close();
  site.close();
  return rows.map((row) => ({ ...row, what: `${version}${isolated ? ", threads" : ", one thread"}: ${row.what}` }));
}

test("measure", async () => {
  const rows: Row[] = [];
  for (const { kind, path } of BROWSERS) {
    if (!path) continue;
    for (const isolated of [false, true]) rows.push(...(await measured(kind, path, isolated)));
  }
  const environment = {
    note: process.env["MEASURE_NOTE"] ?? "",
    commit: execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" }).trim(),
    date: new Date().toISOString().slice(0, 10),
    processor: `${cpus()[0]!.model}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    gpu: "none (WebGPU is not used)",
    runs: `median of ${TIMES}`,
  };
  mkdirSync(OUT, { recursive: true });
  writeFileSync(`${OUT}measured.json`, `${JSON.stringify({ environment, rows }, null, 1)}\n`);
});

/** `tadmc view`, as it is installed: its server, its page and the networks that it draws. TADMC names the command. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { ROOT } from "../golden.js";
import { BROWSERS, launch } from "./harness.js";

const COMMAND = process.env["TADMC"];
const PAGE = `${ROOT}codec/viewer/page/index.html`;
const [CHROME] = BROWSERS;
const here = COMMAND !== undefined && existsSync(PAGE) && CHROME?.path !== undefined;

let command: ChildProcess | undefined;
let address = "";

beforeAll(async () => {
  if (!here) return;
  const words = [
    "view",
    "--no-browser",
    `${ROOT}examples/sample.tadm`,
    `${ROOT}tests/golden/rebuilt/compact-20261122-8.tadm`,
  ];
  command = spawn(COMMAND, words, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  const [said] = (await once(command.stderr!, "data")) as [Buffer];
  address = /http:\S+/.exec(said.toString())![0];
});

afterAll(() => {
  command?.kill();
});

test.skipIf(!here)("tadmc view shows the named files, on threads, and asks nobody else", async () => {
  const browser = await launch("chrome", CHROME!.path!);
  const page = await browser.newPage();
  const [asked, errors]: [string[], string[]] = [[], []];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(address);
  const said = (what: string): Promise<unknown> =>
    page.waitForFunction((text) => document.getElementById("status")!.textContent!.startsWith(text), {}, what);
  await said("Rebuilt at realism 1");
  expect(await page.$eval("#name", (element) => element.textContent)).toBe("sample.tadm");
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const names = await page.$$eval("#examples option", (options) => options.map((option) => option.textContent));
  expect(names).toEqual(["Files", "sample.tadm", "compact-20261122-8.tadm"]);
  await page.evaluate(() => {
    const list = document.getElementById("examples") as HTMLSelectElement;
    list.selectedIndex = 2;
    list.dispatchEvent(new Event("change"));
  });
  await page.waitForFunction(() => document.getElementById("name")!.textContent!.startsWith("compact"));
  await said("Rebuilt at realism 1");
  const origins = asked.filter((url) => !/^(blob|data):/.test(url)).map((url) => new URL(url).origin);
  expect([...new Set(origins)]).toEqual([new URL(address).origin]);
  expect(errors).toEqual([]);
  await browser.close();
});

/** A real browser, and a server of static files for it. */

import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import puppeteer, { type Browser, type Page } from "puppeteer-core";

import { ROOT } from "../golden.js";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const VECTORS = fileURLToPath(new URL("../vectors/", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Where each browser may be, the first that exists is taken. */
const PLACES = {
  chrome: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
  firefox: ["/usr/bin/firefox-esr", "/usr/bin/firefox"],
} as const;

export type Kind = keyof typeof PLACES;

export const BROWSERS = (Object.keys(PLACES) as Kind[]).map((kind) => {
  const path = PLACES[kind].find(existsSync);
  return { kind, path, title: path ? kind : `${kind}, which is not installed here` };
});

/** Start a browser without windows. */
export async function launch(kind: Kind, path: string): Promise<Browser> {
  const args = kind === "chrome" ? ["--no-sandbox", "--disable-dev-shm-usage"] : [];
  return puppeteer.launch({ browser: kind, executablePath: path, headless: true, args, protocolTimeout: 600_000 });
}

/** A page with nothing on it; tests find the library as `tadm`. */
const EMPTY = `<!doctype html><title>empty</title><link rel="icon" href="data:,">
<script type="module">import * as tadm from "/tadm-web.js"; globalThis.tadm = tadm;</script>`;

declare global {
  var tadm: typeof import("../../src/index.js");
}

/** What a server hands out beside what is built: an address, and the file or text behind it. */
export type Extra = Readonly<Record<string, string | Uint8Array>>;

export interface Site {
  readonly address: string;
  /** That have been handed out. */
  bytes(): number;
  close(): void;
}

/**
 * Serve what is built, the folders golden/, vectors/ and examples/, and an empty page /empty.html.
 *
 * @param isolated whether pages may use threads.
 * @param shared whether pages of other origins may have what is here.
 */
export async function serve({ isolated = false, shared = false, extra = {} as Extra } = {}): Promise<Site> {
  let handedOut = 0;
  const server: Server = createServer((request, response) => {
    const named = decodeURIComponent(new URL(request.url!, "http://here").pathname);
    const path = named.endsWith("/") ? `${named}index.html` : named;
    response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (shared) response.setHeader("Access-Control-Allow-Origin", "*");
    const body = extra[path] ?? (path === "/empty.html" ? EMPTY : found(path));
    if (body === undefined) response.statusCode = 404;
    handedOut += body?.length ?? 0;
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    bytes: () => handedOut,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function found(path: string): Uint8Array | undefined {
  if (path.includes("..")) return undefined;
  const [, first, rest] = /^\/(golden|vectors|examples)\/(.*)$/.exec(path) ?? [];
  const folder = { golden: `${ROOT}tests/golden/`, vectors: VECTORS, examples: `${ROOT}examples/` }[first ?? ""];
  const built = DIST + path.slice(1);
  const file = folder === undefined || existsSync(built) ? built : folder + rest;
  return existsSync(file) ? readFileSync(file) : undefined;
}

/** An empty page of a site, on which errors that nobody handles end the test. */
export async function emptyPage(browser: Browser, site: Site): Promise<Page> {
  const page = await browser.newPage();
  page.on("pageerror", (error) => {
    throw error as Error;
  });
  await page.goto(`${site.address}/empty.html`);
  return page;
}

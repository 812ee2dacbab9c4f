/** The page, as users have it: what is seen when, what it asks of the network, and what it saves. */

import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { BROWSERS, emptyPage, launch, serve, type Site } from "./harness.js";

describe.each(BROWSERS)("$title", ({ kind, path }) => {
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    if (!path) return;
    site = await serve({ isolated: true });
    browser = await launch(kind, path);
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  /** The page with a file; requests and errors are written down. */
  async function opened(query = ""): Promise<{ page: Page; requests: string[]; errors: string[] }> {
    const page = await browser.newPage();
    const [requests, errors]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.setViewport({ width: 1100, height: 700 });
    await page.goto(`${site.address}/index.html${query}`);
    return { page, requests, errors };
  }

  const said = (page: Page, what: RegExp): Promise<unknown> =>
    page.waitForFunction(
      (text) => new RegExp(text).test(document.getElementById("status")!.textContent!),
      {},
      what.source,
    );

  const set = (page: Page, id: string, value: string, event: string): Promise<void> =>
    page.$eval(
      `#${id}`,
      (found, to, name) => {
        (found as HTMLInputElement).value = to;
        found.dispatchEvent(new Event(name));
      },
      value,
      event,
    );

  /** Colour in the middle of the overlay. */
  const middle = (page: Page): Promise<number[]> =>
    page.$eval("#overlay", (found) => {
      const { width, height } = found as HTMLCanvasElement;
      const context = (found as HTMLCanvasElement).getContext("2d")!;
      return [...context.getImageData(width / 2, height / 2, 1, 1).data];
    });

  test.skipIf(!path)("a file: the LR first, then the photograph; nothing is asked of others", async () => {
    const { page, requests, errors } = await opened("?file=examples/sample.tadm");
    await said(page, /^Rebuilding/);
    await page.waitForFunction(() => document.querySelectorAll("#facts dt").length > 5);
    expect((await middle(page))[3]).toBe(255);
    await said(page, /^Rebuilt at realism 1 by compact/);
    await set(page, "realism", "0", "input");
    await said(page, /^Rebuilt at realism 0 .*nothing is invented/);
    const origins = new Set(requests.filter((url) => !/^(blob|data):/.test(url)).map((url) => new URL(url).origin));
    expect([...origins]).toEqual([site.address]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test.skipIf(!path)("the divider by keyboard, and what is broken in one line", async () => {
    const { page } = await opened("?file=golden/rebuilt/compact-20261122-8.tadm");
    await said(page, /^Rebuilt at/);
    await set(page, "compare", "lr", "change");
    const right = await middle(page); // the divider stands there
    await page.focus("#divider");
    await page.keyboard.press("End");
    expect(await page.$eval("#divider", (found) => found.getAttribute("aria-valuenow"))).toBe("100");
    expect((await middle(page))[3]).toBe(right[3]);
    await page.keyboard.press("Home");
    expect(await page.$eval("#divider", (found) => found.getAttribute("aria-valuenow"))).toBe("0");
    await page.evaluate(() => {
      const list = document.getElementById("examples") as HTMLSelectElement;
      list.add(new Option("broken", "golden/png-1x1.png"));
      list.value = "golden/png-1x1.png";
      list.dispatchEvent(new Event("change"));
    });
    await said(page, /not a .tadm file/);
    expect(await page.$eval("#status", (found) => found.className)).toBe("error");
    await page.close();
  });

  test.skipIf(!path)("a file of a model that is not here offers another one", async () => {
    const { page } = await opened("?file=golden/av1-default.tadm");
    await said(page, /needs model 0123456789abcdef/);
    await page.click("#any-model");
    await said(page, /^Rebuilt at/);
    await page.close();
  });

  test.skipIf(!path)("it fits a phone, and every control has a name", async () => {
    const { page } = await opened("?file=examples/tiny.tadm");
    await page.setViewport({ width: 360, height: 640 });
    await said(page, /^Rebuilt at/);
    const found = await page.evaluate(() => ({
      width: document.documentElement.scrollWidth,
      stage: document.getElementById("stage")!.getBoundingClientRect().height,
      nameless: [...document.querySelectorAll<HTMLInputElement>("input, select, button")]
        .filter((each) => !each.labels?.length && !each.getAttribute("aria-label") && !each.textContent?.trim())
        .map((each) => each.id),
    }));
    expect(found.width).toBeLessThanOrEqual(360);
    expect(found.stage).toBeGreaterThan(250);
    expect(found.nameless).toEqual([]);
    await page.close();
  });

  test.skipIf(!path)("without a network, once it has been loaded", async () => {
    const own = await serve();
    const page = await browser.newPage();
    const address = own.address.replace("127.0.0.1", "localhost");
    await page.goto(`${address}/index.html?file=golden/rebuilt/compact-20261122-4.tadm`);
    await said(page, /^Rebuilt at/);
    const kept = ["index.html", "tadm-worker.js", "models/manifest.json", "golden/rebuilt/compact-20261122-4.tadm"];
    await page.waitForFunction(
      async (names) => {
        const cache = await caches.open("tadm-page-1");
        const found = await Promise.all(names.map((name) => cache.match(name, { ignoreSearch: true })));
        return found.every(Boolean);
      },
      {},
      kept,
    );
    await page.reload(); // now with what the service worker gives: threads, too
    await said(page, /^Rebuilt at/);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    own.close();
    await page.reload();
    await said(page, /^Rebuilt at realism 1/);
    await page.close();
  });

  test.skipIf(!path)("the button saves the whole picture as the dial stands", async () => {
    const { page } = await opened("?file=golden/rebuilt/compact-20261122-4.tadm");
    await said(page, /^Rebuilt at/);
    await set(page, "realism", "0.5", "input");
    await page.select("#format", "image/jpeg");
    await page.evaluate(() => {
      HTMLAnchorElement.prototype.click = function () {
        document.body.dataset["saved"] = this.download;
        void fetch(this.href).then(async (file) => {
          document.body.dataset["text"] = new TextDecoder("latin1").decode(await file.arrayBuffer());
        });
      };
    });
    await page.click("#save");
    await said(page, /^Saved compact-20261122-4.jpg/);
    await page.waitForFunction(() => document.body.dataset["text"] !== undefined);
    const saved = await page.evaluate(() => ({ ...document.body.dataset }));
    expect(saved["saved"]).toBe("compact-20261122-4.jpg");
    expect(saved["text"]).toMatch(/Realism="0.5"/);
    await page.close();
  });

  test.skipIf(!path)("saved pictures carry metadata and say how they were made", async () => {
    const page = await emptyPage(browser, site);
    const saved = await page.evaluate(async () => {
      const file = await tadm.open("/golden/rebuilt/compact-20261122-4.tadm");
      const old =
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept" ' +
        'xmlns:t="urn:x-tadmc:xmp:1.0#" t:Realism="0.3"/></rdf:RDF></x:xmpmeta>';
      const metadata = {
        icc: new TextEncoder().encode("a profile that is none"),
        exif: Uint8Array.from([77, 77, 0, 42, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0]),
        xmp: new TextEncoder().encode(old),
      };
      const out: Record<string, { text: string; width: number; notes: readonly string[] }> = {};
      for (const realism of [0, 1]) {
        const made = await file.rebuild({ realism });
        for (const type of ["image/png", "image/jpeg", "image/webp"] as const) {
          const { blob, notes } = await tadm.save(made, realism === 1 ? metadata : {}, type);
          const text = new TextDecoder("latin1").decode(await blob.arrayBuffer());
          const shown = await createImageBitmap(blob);
          out[`${type} ${realism}`] = { text, width: shown.width, notes };
        }
      }
      return out;
    });
    const parts = {
      "image/png": ["iCCP", "eXIf", "XML:com.adobe.xmp"],
      "image/jpeg": ["ICC_PROFILE", "Exif\0\0MM", "http://ns.adobe.com/xap/1.0/"],
      "image/webp": ["ICCP", "EXIF", "XMP "],
    };
    for (const [type, marks] of Object.entries(parts)) {
      const [low, high] = [saved[`${type} 0`]!, saved[`${type} 1`]!];
      expect([low.width, high.width, ...low.notes, ...high.notes]).toEqual([150, 150]);
      for (const mark of marks) expect(high.text, type).toContain(mark);
      expect(high.text).toContain("compositeWithTrainedAlgorithmicMedia");
      expect(high.text).toMatch(/GeneratedTexture="True"/);
      expect(high.text).toMatch(/Realism="1"/);
      expect(high.text).not.toMatch(/Realism="0.3"/);
      expect(high.text).toMatch(/format="kept"/);
      expect(low.text).toMatch(/GeneratedTexture="False"/);
      expect(low.text).not.toContain("DigitalSourceType");
    }
    await page.close();
  });
});

/** The LR of every golden file in real browsers: within a grey level of the PNG that stands beside it. */

import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { NAMES, golden } from "../golden.js";
import { numbers, resealed } from "../hostile.js";
import { BROWSERS, emptyPage, launch, serve, type Site } from "./harness.js";

declare global {
  var pixelsOf: (picture: ImageBitmap) => Uint8ClampedArray;
}

const SHOWN = NAMES.filter((name) => !name.startsWith("jxl"));

describe.each(BROWSERS)("$title", ({ kind, path }) => {
  let site: Site;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    if (!path) return;
    site = await serve();
    browser = await launch(kind, path);
    page = await emptyPage(browser, site);
    await page.evaluate(() => {
      globalThis.pixelsOf = (picture) => {
        const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d", {
          willReadFrequently: true,
        })!;
        context.drawImage(picture, 0, 0);
        return context.getImageData(0, 0, picture.width, picture.height).data;
      };
    });
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
  });

  test.skipIf(!path)("thumbnails of golden files", async () => {
    const found = await page.evaluate(async (names: string[]) => {
      const { open } = tadm;
      const distances: Record<string, [number, number] | string> = {};
      for (const name of names) {
        const made = await (await open(`/golden/${name}.tadm`)).thumbnail();
        const file = await (await fetch(`/golden/${name}.png`)).blob();
        const want = await createImageBitmap(file, { colorSpaceConversion: "none" });
        if (made.width !== want.width || made.height !== want.height) {
          distances[name] = `${made.width}x${made.height}`;
          continue;
        }
        const [ours, theirs] = [pixelsOf(made), pixelsOf(want)];
        const apart = ours.map((value, i) => Math.abs(value - theirs[i]!));
        const squares = apart.reduce((sum, value) => sum + value * value, 0);
        distances[name] = [Math.max(...apart), Math.sqrt(squares / ((3 / 4) * apart.length))];
      }
      return distances;
    }, SHOWN);
    for (const name of SHOWN) {
      const [most, rmse] = found[name] as [number, number];
      const lossy =
        name.startsWith("av1") ||
        ["metadata", "alpha-png", "alpha-lossy", "picture-time", "picture-twice"].includes(name);
      if (!lossy) expect([name, most]).toEqual([name, 0]);
      else expect(rmse, `${name}: ${most}`).toBeLessThan(kind === "firefox" ? 1 : 0.5);
    }
  });

  test.skipIf(!path)("a picture is shown by its ICC profile", async () => {
    const apart = await page.evaluate(async () => {
      const file = await tadm.open("/vectors/exchanged.tadm");
      const { icc: _, ...without } = file.file;
      const [by, plain] = [
        pixelsOf(await file.thumbnail()),
        pixelsOf(await new tadm.Tadm(without, new Uint8Array(), tadm.LIMITS).thumbnail()),
      ];
      const sum = (a: number, b: number) =>
        by.reduce((total, _v, i) => (i % 4 === a ? total + Math.abs(by[i]! - plain[i - a + b]!) : total), 0);
      const pixels = by.length / 4;
      return { same: sum(0, 0) / pixels, exchanged: sum(0, 2) / pixels };
    });
    expect(apart.exchanged).toBeLessThan(1.5);
    expect(apart.same).toBeGreaterThan(10);
  });

  test.skipIf(!path)("payloads broken behind a right checksum end in our errors", async () => {
    const next = numbers(3);
    const files = ["png-scale16", "webp-scale8", "av1-fine", "av1-coarse"].flatMap((name) =>
      Array.from({ length: 25 }, () => Buffer.from(resealed(golden(name), next)).toString("base64")),
    );
    const escaped = await page.evaluate(async (all: string[]) => {
      const { TadmError, open } = tadm;
      const others: string[] = [];
      for (const file of all) {
        try {
          const opened = await open(Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)));
          await opened.thumbnail();
        } catch (error) {
          if (!(error instanceof TadmError) || error.message.includes("\n")) others.push(String(error));
        }
      }
      return others;
    }, files);
    expect(escaped).toEqual([]);
  });
});

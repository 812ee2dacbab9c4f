/** Noise, conditioning and the cutting into blocks: numbers of the specification, and properties. */

import { expect, test } from "vitest";

import { noiseGain, spread } from "../../src/decode/conditioning.js";
import { extended } from "../../src/decode/lr.js";
import { noise } from "../../src/decode/noise.js";
import { grownToTiles, plan } from "../../src/decode/plan.js";
import { planesOfRepeated, planesToPixels } from "../../src/payload/chroma.js";
import { numbers } from "../hostile.js";

const sums = (values: Float32Array): number[] => [...values].map((n) => Math.round(n * Math.sqrt(21845) + 510));

test("noise is that of the specification", () => {
  expect(sums(noise(0, 0, 3, 2, 0))).toEqual([654, 500, 628, 792, 343, 331]);
  expect(sums(noise(70000, 123456, 2, 1, 2 ** 32 - 1))).toEqual([582, 436]);
});

test("noise of a pixel depends on its position only", () => {
  const [whole, part] = [noise(0, 0, 40, 30, 7), noise(11, 5, 20, 20, 7)];
  for (let y = 0; y < 20; y++) {
    expect([...part.subarray(20 * y, 20 * y + 20)]).toEqual([...whole.subarray(40 * (y + 5) + 11, 40 * (y + 5) + 31)]);
  }
});

test("the gain of the noise", () => {
  expect(noiseGain(0)).toBe(0);
  expect(noiseGain(200)).toBeCloseTo(0.569, 3);
  expect(noiseGain(10.5)).toBeCloseTo(Math.hypot(noiseGain(10), noiseGain(11)) / Math.SQRT2, 4);
});

test("timesteps are interpolated between tile centres and replicated outside them", () => {
  const { columns, rows, values } = spread({ columns: 2, rows: 1, values: Float32Array.of(10, 42) }, 0.5);
  expect([columns, rows]).toEqual([32, 16]);
  expect([values[0], values[7], values[31]]).toEqual([5, 5, 21]);
  expect(values[8]).toBeCloseTo(5 + 16 / 32, 5); // half a cell past the first centre
  expect(values[16]).toBeCloseTo(13 + 16 / 32, 5);
});

test("the LR is extended by reflection, and by replication where it has too few pixels", () => {
  const row = (...values: number[]) => Uint8ClampedArray.from(values.flatMap((v) => [v, v, v, 255]));
  const grown = (pixels: Uint8ClampedArray<ArrayBuffer>, from: number, to: number) =>
    [...extended(pixels, { width: from, height: 1 }, { width: to, height: 1 })].filter((_, i) => i % 4 === 0);
  expect(grown(row(1, 2, 3, 4), 4, 7)).toEqual([1, 2, 3, 4, 3, 2, 1]);
  expect(grown(row(1, 2, 3, 4), 4, 8)).toEqual([1, 2, 3, 4, 4, 4, 4, 4]);
});

test("blocks fill the area once, with all that influences them, within the budget", () => {
  const next = numbers(5);
  for (let n = 0; n < 200; n++) {
    const full = { width: 64 * (1 + next(40)), height: 64 * (1 + next(40)) };
    const [x, y] = [next(full.width), next(full.height)];
    const region = { x, y, width: 1 + next(full.width - x), height: 1 + next(full.height - y) };
    const area = grownToTiles(region, 64);
    const halo = 64 * next(6);
    const most = (64 + 2 * halo) ** 2 + next(2 ** 22);
    const blocks = plan(full, area, halo, 64, most);
    expect(blocks.reduce((sum, { core }) => sum + core.width * core.height, 0)).toBe(area.width * area.height);
    for (const { core, reach } of blocks) {
      expect(reach.width * reach.height).toBeLessThanOrEqual(most);
      expect(reach.x).toBe(Math.max(0, core.x - halo));
      expect(reach.y + reach.height).toBe(Math.min(full.height, core.y + core.height + halo));
      expect([core.x, core.y, core.width, core.height].every((side) => side % 64 === 0)).toBe(true);
    }
  }
});

test("a budget below one tile still gives blocks of one tile", () => {
  const blocks = plan({ width: 640, height: 640 }, { x: 0, y: 0, width: 128, height: 128 }, 64, 64, 1);
  expect(blocks).toHaveLength(4);
});

test("the largest pictures are cut quickly", () => {
  const sides = { width: 2 ** 22, height: 64 };
  expect(plan(sides, { x: 0, y: 0, ...sides }, 320, 64, 2 ** 21).length).toBeGreaterThan(100);
});

test.each([
  [14, 9, 60, 20],
  [6, 6, 200, 80], // some are clamped
])("the planes of repeated colour are found again (%i x %i)", (width, height, lumas, colours) => {
  const next = numbers(9);
  const [columns, rows] = [width / 2, Math.ceil(height / 2)];
  const data = Uint8Array.from([
    ...Array.from({ length: width * height }, () => 128 - lumas / 2 + next(lumas)),
    ...Array.from({ length: 2 * columns * rows }, () => 128 - colours / 2 + next(colours)),
  ]);
  const [uAt, vAt] = [width * height, width * height + columns * rows];
  const planes = [data.subarray(0, uAt), data.subarray(uAt, vAt), data.subarray(vAt)];
  // a decoder that repeats is one that is given each sample four times at full size
  const large = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const cell = (Math.floor(i / width) >> 1) * columns + ((i % width) >> 1);
    [planes[0]![i]!, planes[1]![cell]!, planes[2]![cell]!].forEach(
      (value, c) => (large[c * width * height + i] = value),
    );
  }
  const layout = [0, 1, 2].map((c) => ({ offset: c * width * height, stride: width }));
  const repeated = planesToPixels({ width, height, data: large, layout, subsampled: false });
  const found = planesOfRepeated(repeated, width, height);
  const wrong = found.data.filter((value, i) => value !== data[i]).length;
  expect(wrong / data.length).toBeLessThan(colours > 40 ? 0.2 : 0.01);
  // and whatever is found gives these very pixels when it is repeated
  const [ours, theirs] = [found, { ...found, data }].map((each) => planesToPixels(each));
  const apart = ours!.map((value, i) => Math.abs(value - theirs![i]!));
  expect(Math.max(...apart)).toBeLessThanOrEqual(colours > 40 ? 12 : 1);
});

/** The shipped networks, run in Node.js. */

import { existsSync, readFileSync } from "node:fs";

import { beforeAll, describe, expect, test } from "vitest";

import type { Manifest, Model } from "../../src/decode/manifest.js";
import { networksOf } from "../../src/decode/networks.js";
import { noise } from "../../src/decode/noise.js";
import { BYTES_A_PIXEL } from "../../src/decode/rebuild.js";
import { Graph, type Planes } from "../../src/network/graph.js";
import { oneThread } from "../../src/network/kernels.js";
import { KernelMemory } from "../../src/network/memory.js";
import { readOnnx, widened } from "../../src/network/onnx.js";
import { ROOT } from "../golden.js";
import { numbers } from "../hostile.js";

const FOLDER = `${ROOT}web/public/models/`;
const MODELS = existsSync(`${FOLDER}manifest.json`)
  ? (JSON.parse(readFileSync(`${FOLDER}manifest.json`, "utf8")) as Manifest).models
  : {};

test("there are models: tools/make_web_models.py", () => {
  expect(Object.keys(MODELS).length).toBeGreaterThan(0);
});

test("halves are widened", () => {
  expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00].map(widened)).toEqual([1, -2, 65504, 2 ** -24, -0, Infinity]);
});

describe.each(Object.values(MODELS))("$name at scale $scale", (model: Model) => {
  const side = 4 * model.tile;
  let memory: KernelMemory;
  let graphs: Record<string, Graph>;

  beforeAll(async () => {
    const made = await oneThread();
    memory = new KernelMemory(made.memory);
    const machine = { kernels: made.kernels, memory };
    const entries = Object.entries(model.graphs);
    graphs = Object.fromEntries(
      entries.map(([role, name]) => [role, new Graph(new Uint8Array(readFileSync(FOLDER + name)), machine)]),
    );
  });

  const restore = (realism: number) => {
    const next = numbers(1);
    const lrSide = side / model.scale;
    const run = (role: string, inputs: Readonly<Record<string, Planes>>): Promise<Planes> =>
      graphs[role]!.run(inputs, () => Promise.resolve());
    return networksOf(model)(
      {
        lr: Uint8ClampedArray.from({ length: 4 * lrSide * lrSide }, () => next(256)),
        lrColumns: lrSide,
        lrRows: lrSide,
        quality: 48,
        realism,
        denoise: true,
        noise: () => noise(0, 0, side, side),
      },
      run,
    );
  };

  test("a picture and its timesteps, within the memory that is planned for", async () => {
    const before = memory.held;
    memory.peak = 0;
    const { pixels, timesteps } = await restore(1);
    expect(pixels).toHaveLength(4 * side * side);
    expect([timesteps.columns, timesteps.rows]).toEqual([4, 4]);
    for (const t of timesteps.values) {
      expect(t).toBeGreaterThanOrEqual(10);
      expect(t).toBeLessThanOrEqual(model.largestTimestep);
    }
    expect(memory.held).toBe(before); // everything was given back
    expect((memory.peak - before) / side ** 2).toBeLessThan(BYTES_A_PIXEL);
  });

  test("realism has an effect where the model has a denoiser", async () => {
    const [low, high] = [await restore(0), await restore(1)];
    expect(low.pixels.some((value, i) => Math.abs(value - high.pixels[i]!) > 8)).toBe(model.generates);
  });
});

test("a graph that ends too early is no crash", () => {
  const name = Object.values(MODELS)[0]!.graphs["reader"]!;
  const model = new Uint8Array(readFileSync(FOLDER + name));
  expect(() => readOnnx(model.subarray(0, 1000))).toThrow();
});

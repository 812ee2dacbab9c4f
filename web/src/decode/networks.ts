/** How the graphs of each architecture are run on one piece (section 9.2, step 3). */

import { ModelError } from "../errors.js";
import type { Rgba } from "../payload/rgba.js";
import { CELL, noiseGain, scaleByCells, spread, type Grid } from "./conditioning.js";
import type { Model } from "./manifest.js";
import type { Planes } from "../network/graph.js";

/** One piece of a picture. */
export interface Piece {
  /** Its LR, RGBA. */
  readonly lr: Rgba;
  readonly lrColumns: number;
  readonly lrRows: number;
  /** Of the payload, 0..100. */
  readonly quality: number;
  /** 0..1. */
  readonly realism: number;
  /** False shows what the reader gives. */
  readonly denoise: boolean;
  /** Timesteps a tile in place of predicted ones. */
  readonly timesteps?: Grid;
  /** The specified noise of the piece; may be changed. */
  readonly noise: () => Float32Array<ArrayBuffer>;
}

/** What networks made of a piece. */
export interface Made {
  /** RGBA. */
  readonly pixels: Rgba;
  /** Timestep a tile, before realism. */
  readonly timesteps: Grid;
}

export type Inputs = Readonly<Record<string, Planes>>;

/** Runs a graph, by its role. */
export type Run = (role: string, inputs: Inputs) => Promise<Planes>;

/** What decodes pieces of one model. */
export type Networks = (piece: Piece, run: Run) => Promise<Made>;

/**
 * The networks of a model.
 *
 * @throws ModelError it is of an architecture that is not known.
 */
export function networksOf(model: Model): Networks {
  switch (model.way) {
    case "compact-1":
      return (piece, run) => restoreFirst(model, piece, run);
    case "compact-2":
      return (piece, run) => restoreSecond(model, piece, run);
    default:
      throw new ModelError(`model ${model.name}: architecture ${model.way} is not known to this reader`);
  }
}

async function restoreFirst(model: Model, piece: Piece, run: Run): Promise<Made> {
  const { lrColumns, lrRows } = piece;
  const q = piece.quality / 100;
  const zHat = await run("reader", { lr: networkValues(piece), quality: flat(q, lrRows, lrColumns) });
  const { rows, columns } = zHat;
  const predicted = piece.timesteps
    ? undefined
    : await run("predictor", { z_hat: zHat, quality: flat(q, rows, columns) });
  const timesteps = piece.timesteps ?? gridOf(predicted!);
  if (!piece.denoise) return { pixels: picture([await run("plain", { z_hat: zHat })]), timesteps };
  const effective = spread(timesteps, piece.realism);
  const drawn = piece.noise();
  scaleByCells(drawn, { ...effective, values: effective.values.map(noiseGain) });
  const noise = { channels: 1, rows: rows * CELL, columns: columns * CELL, data: drawn };
  const told = new Float32Array(3 * rows * columns);
  const cells = rows * columns;
  for (let i = 0; i < cells; i++) told[i] = effective.values[i]! / model.largestTimestep;
  told.fill(q, cells, 2 * cells);
  told.fill(Math.log2(model.scale) / 4, 2 * cells);
  const condition = { channels: 3, rows, columns, data: told };
  const x4 = await run("trunk", { z_hat: zHat, noise, condition });
  return { pixels: await headInStrips(model, x4, zHat, noise, run), timesteps };
}

/** The detail head has few channels but many pixels: at once it would need more memory than all the rest. */
async function headInStrips(model: Model, x4: Planes, zHat: Planes, noise: Planes, run: Run): Promise<Rgba> {
  const { rows: step, reach } = model.strips!;
  const strips: Planes[] = [];
  for (let top = 0; top < zHat.rows; top += step) {
    const bottom = Math.min(zHat.rows, top + step);
    const [low, high] = [Math.max(0, top - reach), Math.min(zHat.rows, bottom + reach)];
    const made = await run("head", {
      x4: rowsOf(x4, low, high),
      z_hat: rowsOf(zHat, low, high),
      noise: rowsOf(noise, CELL * low, CELL * high),
    });
    strips.push(rowsOf(made, CELL * (top - low), CELL * (bottom - low)));
  }
  return picture(strips);
}

async function restoreSecond(model: Model, piece: Piece, run: Run): Promise<Made> {
  const { lrColumns, lrRows, realism } = piece;
  const [rows, columns] = [(lrRows * model.scale) / model.tile, (lrColumns * model.scale) / model.tile];
  const everywhere = () => new Float32Array(rows * columns).fill(model.largestTimestep);
  const timesteps = piece.timesteps ?? { rows, columns, values: everywhere() };
  const fold = model.qualityFold!;
  const inputs = { lr: networkValues(piece), quality: flat(piece.quality / 100, lrRows / fold, lrColumns / fold) };
  if (!piece.denoise || realism === 0 || !model.generates) {
    return { pixels: picture([await run("reader", inputs)]), timesteps };
  }
  const strength = spread(timesteps, realism / model.largestTimestep);
  const drawn = piece.noise();
  scaleByCells(drawn, strength);
  const made = await run("decoder", {
    ...inputs,
    strength: { channels: 1, rows: strength.rows, columns: strength.columns, data: strength.values },
    noise: { channels: 1, rows: strength.rows * CELL, columns: strength.columns * CELL, data: drawn },
  });
  return { pixels: picture([made]), timesteps };
}

/** 8-bit samples as network values in [-1, 1]. */
function networkValues({ lr, lrColumns, lrRows }: Piece): Planes {
  const pixels = lrColumns * lrRows;
  const data = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) data[c * pixels + i] = lr[4 * i + c]! / 127.5 - 1;
  }
  return { channels: 3, rows: lrRows, columns: lrColumns, data };
}

function flat(value: number, rows: number, columns: number): Planes {
  return { channels: 1, rows, columns, data: new Float32Array(rows * columns).fill(value) };
}

function gridOf({ rows, columns, data }: Planes): Grid {
  return { rows, columns, values: new Float32Array(data) };
}

/** Some rows of all channels; not copied where they are all. */
function rowsOf({ channels, rows, columns, data }: Planes, from: number, to: number): Planes {
  if (from === 0 && to === rows) return { channels, rows, columns, data };
  const size = (to - from) * columns;
  const out = data instanceof Uint8Array ? new Uint8Array(channels * size) : new Float32Array(channels * size);
  for (let c = 0; c < channels; c++) {
    out.set(data.subarray((c * rows + from) * columns, (c * rows + to) * columns), c * size);
  }
  return { channels, rows: to - from, columns, data: out };
}

/** Samples of strips below one another as RGBA. */
function picture(strips: readonly Planes[]): Rgba {
  const out = new Uint8ClampedArray(4 * strips.reduce((sum, { rows, columns }) => sum + rows * columns, 0)).fill(255);
  let at = 0;
  for (const { rows, columns, data } of strips) {
    const pixels = rows * columns;
    for (let i = 0; i < pixels; i++, at += 4) {
      out[at] = data[i]!;
      out[at + 1] = data[pixels + i]!;
      out[at + 2] = data[2 * pixels + i]!;
    }
  }
  return out;
}

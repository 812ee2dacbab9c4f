/** The photograph or a region of it, block by block. Normative text: `format_spec.md`, section 9.2. */

import { FormatError, InputError, UnsupportedError } from "../errors.js";
import { COMPACT_PRESET, PRESETS, TILE } from "../format/constants.js";
import { padded, slabBoxes, type Box, type Size, type TadmFile } from "../format/container.js";
import type { Planes } from "../network/graph.js";
import { decodePixels } from "../payload/pixels.js";
import { rgba, type Rgba } from "../payload/rgba.js";
import type { Grid } from "./conditioning.js";
import { StoredLr, copyShared } from "./lr.js";
import type { Model } from "./manifest.js";
import { networksOf, type Inputs, type Made, type Run } from "./networks.js";
import { noise } from "./noise.js";
import { grownToTiles, plan, type Block } from "./plan.js";

/** What networks take a pixel of a piece at most, measured. */
export const BYTES_A_PIXEL = 160;

/** How to rebuild. */
export interface Recipe {
  /** In HR pixels, inside the picture. */
  readonly region: Box;
  readonly realism: number;
  readonly seed: number;
  readonly denoise: boolean;
  /** Bytes that networks may take. */
  readonly memory: number;
}

/** A rebuilt region. */
export interface Rebuilt {
  /** RGBA, of the region's size. */
  readonly pixels: Rgba;
  /** Timestep before realism of every tile that the region touches. */
  readonly timesteps: Grid;
}

/** What to do between blocks and graphs. */
export interface Watch {
  readonly onProgress: (done: number, total: number) => void;
  /** Throws where nobody waits for the result any more. */
  readonly check: () => void;
}

/**
 * Refuse a file that this library cannot rebuild, before anything is loaded for it.
 *
 * @throws UnsupportedError its tile grid preset is not that of the compact family.
 * @throws FormatError its timestep map has another size than its picture.
 */
export function checkRebuildable(file: TadmFile): void {
  if (file.grid !== COMPACT_PRESET) {
    const name = PRESETS[file.grid];
    throw new UnsupportedError(
      name
        ? `tile grid preset ${file.grid} (${name}): browsers rebuild files of compact models only`
        : `tile grid preset ${file.grid} is not known to this reader`,
    );
  }
  const tiles = Math.ceil(file.width / TILE) * Math.ceil(file.height / TILE);
  if (file.timesteps && file.timesteps.length !== tiles) {
    throw new FormatError(`chunk tmap: ${file.timesteps.length} timesteps, the picture has ${tiles} tiles`);
  }
}

/** A region with whole numbers inside a picture, or all of it. */
export function checkedRegion(size: Size, region?: Box): Box {
  if (!region) return { x: 0, y: 0, width: size.width, height: size.height };
  const { x, y, width, height } = region;
  const whole = [x, y, width, height].every(Number.isSafeInteger);
  if (!whole || x < 0 || y < 0 || width < 1 || height < 1 || x + width > size.width || y + height > size.height) {
    throw new InputError(
      `region ${x},${y},${width},${height} is not inside the picture of ${size.width}x${size.height}`,
    );
  }
  return { x, y, width, height };
}

/** Rebuilds regions of one file. */
export class Rebuilder {
  private readonly lr: StoredLr;
  private readonly full: Size;
  private readonly given: Grid | undefined;

  /**
   * @param file as parsed, see `checkRebuildable`.
   * @param model that decodes it.
   * @param run runs a graph of that model, by its role.
   */
  constructor(
    private readonly file: TadmFile,
    private readonly model: Model,
    private readonly run: (role: string, inputs: Inputs, check: () => void) => Promise<Planes>,
  ) {
    this.lr = new StoredLr(file);
    this.full = { width: padded(file.width, model.tile), height: padded(file.height, model.tile) };
    this.given = file.timesteps && {
      columns: this.full.width / model.tile,
      rows: this.full.height / model.tile,
      values: Float32Array.from(file.timesteps, (level) => 10 + (190 * level) / 255),
    };
  }

  /** The pixels of a region. */
  async rebuild(recipe: Recipe, watch: Watch): Promise<Rebuilt> {
    const { tile, halo } = this.model;
    const { region } = recipe;
    const area = grownToTiles(region, tile);
    const most = Math.floor(recipe.memory / BYTES_A_PIXEL);
    const blocks = plan(this.full, area, halo, tile, most);
    const pixels = rgba(region.width, region.height);
    const columns = area.width / tile;
    const timesteps = { columns, rows: area.height / tile, values: new Float32Array(columns * (area.height / tile)) };
    watch.onProgress(0, blocks.length);
    for (const [number, block] of blocks.entries()) {
      const made = await this.block(block, recipe, watch);
      copyShared(made.pixels, block.reach, pixels, region, block.core);
      placeTimesteps(made.timesteps, block, timesteps, area, tile);
      watch.onProgress(number + 1, blocks.length);
    }
    if (this.file.alpha) await this.placeAlpha(pixels, region);
    return { pixels, timesteps };
  }

  private async block({ reach }: Block, recipe: Recipe, watch: Watch): Promise<Made> {
    const { scale, tile } = this.model;
    const box = divided(reach, scale);
    const lr = await this.lr.crop(box);
    const run: Run = (role, inputs) => this.run(role, inputs, watch.check);
    return networksOf(this.model)(
      {
        lr,
        lrColumns: box.width,
        lrRows: box.height,
        quality: this.file.quality,
        realism: recipe.realism,
        denoise: recipe.denoise,
        ...(this.given && { timesteps: cropGrid(this.given, divided(reach, tile)) }),
        noise: () => noise(reach.x, reach.y, reach.width, reach.height, recipe.seed),
      },
      run,
    );
  }

  private async placeAlpha(pixels: Rgba, region: Box): Promise<void> {
    const { alpha, slab, scale, width, height } = this.file;
    const boxes = slabBoxes({ width, height }, { width: slab.width * scale, height: slab.height * scale });
    for (const [number, box] of boxes.entries()) {
      const shared = overlap(box, region);
      if (shared.width <= 0 || shared.height <= 0) continue;
      const part = await decodePixels(alpha!.coding, alpha!.parts[number]!, box);
      for (let y = shared.y; y < shared.y + shared.height; y++) {
        for (let x = shared.x; x < shared.x + shared.width; x++) {
          const opacity = part[4 * ((y - box.y) * box.width + x - box.x)]!;
          pixels[4 * ((y - region.y) * region.width + x - region.x) + 3] = opacity;
        }
      }
    }
  }
}

function overlap(a: Box, b: Box): Box {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const [right, bottom] = [Math.min(a.x + a.width, b.x + b.width), Math.min(a.y + a.height, b.y + b.height)];
  return { x, y, width: right - x, height: bottom - y };
}

function divided({ x, y, width, height }: Box, by: number): Box {
  return { x: x / by, y: y / by, width: width / by, height: height / by };
}

function cropGrid({ columns, values }: Grid, box: Box): Grid {
  const out = new Float32Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const start = (box.y + y) * columns + box.x;
    out.set(values.subarray(start, start + box.width), y * box.width);
  }
  return { columns: box.width, rows: box.height, values: out };
}

/** Put the timesteps of a block's core where they belong. */
function placeTimesteps(made: Grid, { core, reach }: Block, out: Grid, area: Box, tile: number): void {
  const at = divided(core, tile);
  for (let y = 0; y < at.height; y++) {
    const from = ((core.y - reach.y) / tile + y) * made.columns + (core.x - reach.x) / tile;
    const to = (at.y + y - area.y / tile) * out.columns + at.x - area.x / tile;
    out.values.set(made.values.subarray(from, from + at.width), to);
  }
}

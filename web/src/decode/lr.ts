/** The LR picture where it is looked at: slabs are decoded when they are needed, and some are kept. */

import type { Box, Size, TadmFile } from "../format/container.js";
import { slabBoxes } from "../format/container.js";
import { decodePixels } from "../payload/pixels.js";
import { rgba, type Rgba } from "../payload/rgba.js";

/** Decodes a payload of a slab of this size to RGBA. */
export type Decode = (coding: number, payload: Uint8Array, size: Size) => Promise<Rgba>;

/** Decoded bytes that are held at most, though always one slab. */
const KEPT_BYTES = 2 ** 26;

/** Random access to a file's LR. */
export class StoredLr {
  private readonly boxes: readonly Box[];
  private readonly kept = new Map<number, Promise<Rgba>>();

  constructor(
    private readonly file: Pick<TadmFile, "coding" | "lr" | "slab" | "payloads">,
    private readonly decode: Decode = decodePixels,
  ) {
    this.boxes = slabBoxes(file.lr, file.slab);
  }

  /** The whole LR, RGBA. */
  whole(): Promise<Rgba> {
    return this.crop({ x: 0, y: 0, ...this.file.lr });
  }

  /**
   * Part of the LR, RGBA. A box may run over the right and bottom: there the picture is extended by reflection, or by
   * replication where it has too few pixels (section 9.2, step 1).
   */
  async crop(box: Box): Promise<Rgba> {
    const { lr, slab } = this.file;
    const inside = {
      ...box,
      width: Math.min(box.x + box.width, lr.width) - box.x,
      height: Math.min(box.y + box.height, lr.height) - box.y,
    };
    const out = rgba(inside.width, inside.height);
    const columns = Math.ceil(lr.width / slab.width);
    for (let row = Math.floor(box.y / slab.height); row * slab.height < inside.y + inside.height; row++) {
      for (let column = Math.floor(box.x / slab.width); column * slab.width < inside.x + inside.width; column++) {
        const number = row * columns + column;
        copyShared(await this.slab(number), this.boxes[number]!, out, inside);
      }
    }
    return extended(out, inside, box);
  }

  private async slab(number: number): Promise<Rgba> {
    const known = this.kept.get(number);
    this.kept.delete(number); // put back as the newest
    const box = this.boxes[number]!;
    const pixels = known ?? this.decode(this.file.coding, this.file.payloads[number]!, box);
    this.kept.set(number, pixels);
    const room = Math.max(1, Math.floor(KEPT_BYTES / (4 * this.file.slab.width * this.file.slab.height)));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= room) break;
      this.kept.delete(oldest);
    }
    return pixels;
  }
}

/** Copy what two rectangles of one picture share, within a third, from the pixels of the first to those of the second. */
export function copyShared(from: Rgba, source: Box, to: Rgba, target: Box, within: Box = source): void {
  const left = Math.max(source.x, target.x, within.x);
  const right = Math.min(source.x + source.width, target.x + target.width, within.x + within.width);
  const top = Math.max(source.y, target.y, within.y);
  const bottom = Math.min(source.y + source.height, target.y + target.height, within.y + within.height);
  for (let y = top; left < right && y < bottom; y++) {
    const start = 4 * ((y - source.y) * source.width + left - source.x);
    const row = from.subarray(start, start + 4 * (right - left));
    to.set(row, 4 * ((y - target.y) * target.width + left - target.x));
  }
}

/** Grow a picture at the right and bottom. */
export function extended(pixels: Rgba, from: Size, to: Size): Rgba {
  if (from.width === to.width && from.height === to.height) return pixels;
  const [columns, rows] = [sources(from.width, to.width), sources(from.height, to.height)];
  const out = rgba(to.width, to.height);
  const [source, target] = [
    new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4),
    new Uint32Array(out.buffer),
  ];
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) target[y * to.width + x] = source[rows[y]! * from.width + columns[x]!]!;
  }
  return out;
}

/** Where along an axis each pixel of the longer picture comes from. */
function sources(from: number, to: number): number[] {
  const reflect = to - from < from;
  return Array.from({ length: to }, (_, i) => (i < from ? i : reflect ? 2 * from - 2 - i : from - 1));
}

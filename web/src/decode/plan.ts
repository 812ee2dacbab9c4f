/** Cutting a picture into blocks with what influences them, so that memory stays within a budget. Integers only. */

import { padded, type Box, type Size } from "../format/container.js";

/** One piece of work. */
export interface Block {
  /** What it fills. */
  readonly core: Box;
  /** What it computes to do so: the core grown by the halo, cut to the picture. */
  readonly reach: Box;
}

/**
 * Blocks that cover an area, row by row, with the least to compute.
 *
 * @param full size of the padded picture.
 * @param area inside it, its corners on tiles.
 * @param halo pixels around a core that influence it.
 * @param tile corners of blocks are multiples of this.
 * @param most pixels that a block may compute; one tile and its halo are always allowed.
 */
export function plan(full: Size, area: Box, halo: number, tile: number, most: number): Block[] {
  const columns = cuts(area.x, area.width, full.width, halo, tile);
  const rows = cuts(area.y, area.height, full.height, halo, tile);
  let best: readonly [Axis, Axis] | undefined;
  let least = Infinity;
  for (const across of columns) {
    for (const down of rows) {
      const work = across.total * down.total;
      if (across.longest * down.longest <= most && work < least) [best, least] = [[across, down], work];
    }
  }
  const [across, down] = best ?? [columns.at(-1)!, rows.at(-1)!];
  return down.parts.flatMap((row) =>
    across.parts.map((column) => ({
      core: { x: column.start, y: row.start, width: column.length, height: row.length },
      reach: { x: column.from, y: row.from, width: column.to - column.from, height: row.to - row.from },
    })),
  );
}

/** The tiles that a box touches. */
export function grownToTiles(box: Box, tile: number): Box {
  const [x, y] = [Math.floor(box.x / tile) * tile, Math.floor(box.y / tile) * tile];
  return { x, y, width: padded(box.x + box.width, tile) - x, height: padded(box.y + box.height, tile) - y };
}

interface Part {
  readonly start: number;
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

interface Axis {
  readonly parts: readonly Part[];
  /** Of what the parts compute: the sum, and the longest. */
  readonly total: number;
  readonly longest: number;
}

/** Ways to cut an axis into parts as equal as tiles allow, from one part to one a tile. */
function cuts(start: number, length: number, end: number, halo: number, tile: number): Axis[] {
  const tiles = length / tile;
  const ways: Axis[] = [];
  const sizes = new Set(Array.from({ length: tiles }, (_, n) => Math.ceil(tiles / (n + 1))));
  for (const size of sizes) {
    const parts: Part[] = [];
    for (let at = start; at < start + length; at += size * tile) {
      const own = Math.min(size * tile, start + length - at);
      parts.push({ start: at, length: own, from: Math.max(0, at - halo), to: Math.min(end, at + own + halo) });
    }
    const reaches = parts.map((part) => part.to - part.from);
    ways.push({ parts, total: reaches.reduce((sum, one) => sum + one, 0), longest: Math.max(...reaches) });
  }
  return ways;
}

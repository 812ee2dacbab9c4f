/** What has been rebuilt of a picture, in squares of which only so many are kept. */

import type { Box, Size } from "../format/container.js";

/** Side of a cell in HR pixels, and how many are kept: 128 MiB. */
export const CELL = 256;
const KEPT = 512;
/** Pixels that are rebuilt at once: the first of a large view are to be seen soon. */
const JOB_PIXELS = 2 ** 21;

export interface Cell {
  readonly box: Box;
  readonly bitmap: ImageBitmap;
  /** Of what it was rebuilt with; others are shown until newer ones are there. */
  readonly realism: number;
}

export class Cells {
  private readonly cells = new Map<string, Cell>();

  constructor(private readonly size: Size) {}

  /** Cells that an area touches, of whatever realism. */
  *within(area: Box): Generator<Cell> {
    for (const [column, row] of this.places(area)) {
      const cell = this.cells.get(`${column},${row}`);
      if (cell) yield cell;
    }
  }

  /** What to rebuild next of an area, whole cells around its middle; undefined = all is there. */
  missing(area: Box, realism: number): Box | undefined {
    const wanted = this.places(area).filter(([column, row]) => this.cells.get(`${column},${row}`)?.realism !== realism);
    if (wanted.length === 0) return undefined;
    const [x, y] = [(area.x + area.width / 2) / CELL - 0.5, (area.y + area.height / 2) / CELL - 0.5];
    wanted.sort((a, b) => Math.hypot(a[0] - x, a[1] - y) - Math.hypot(b[0] - x, b[1] - y));
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const [column, row] of wanted) {
      const grown = [
        Math.min(left, column),
        Math.min(top, row),
        Math.max(right, column),
        Math.max(bottom, row),
      ] as const;
      const pixels = (grown[2] - grown[0] + 1) * (grown[3] - grown[1] + 1) * CELL ** 2;
      if (pixels > JOB_PIXELS && left !== Infinity) break;
      [left, top, right, bottom] = grown;
    }
    const [startX, startY] = [left * CELL, top * CELL];
    const [endX, endY] = [(right + 1) * CELL, (bottom + 1) * CELL];
    return {
      x: startX,
      y: startY,
      width: Math.min(endX, this.size.width) - startX,
      height: Math.min(endY, this.size.height) - startY,
    };
  }

  /** Whether so much can be kept at once. */
  holds(area: Box): boolean {
    return this.places(area).length <= KEPT / 2;
  }

  /** Cut what was rebuilt into cells; the oldest make room. */
  async put(box: Box, picture: ImageBitmap, realism: number): Promise<void> {
    for (const [column, row] of this.places(box)) {
      const [x, y] = [column * CELL, row * CELL];
      const width = Math.min(CELL, this.size.width - x);
      const height = Math.min(CELL, this.size.height - y);
      const bitmap = await createImageBitmap(picture, x - box.x, y - box.y, width, height);
      const key = `${column},${row}`;
      this.cells.get(key)?.bitmap.close();
      this.cells.delete(key);
      this.cells.set(key, { box: { x, y, width, height }, bitmap, realism });
    }
    picture.close();
    for (const [key, { bitmap }] of this.cells) {
      if (this.cells.size <= KEPT) break;
      bitmap.close();
      this.cells.delete(key);
    }
  }

  clear(): void {
    for (const { bitmap } of this.cells.values()) bitmap.close();
    this.cells.clear();
  }

  private places({ x, y, width, height }: Box): Array<[number, number]> {
    const out: Array<[number, number]> = [];
    for (let row = Math.floor(y / CELL); row * CELL < y + height; row++) {
      for (let column = Math.floor(x / CELL); column * CELL < x + width; column++) out.push([column, row]);
    }
    return out;
  }
}

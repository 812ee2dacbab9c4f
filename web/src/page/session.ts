/** One opened file on the page: what is rebuilt of it, and what is shown. */

import type { Box } from "../format/container.js";
import type { Grid, Making, Tadm } from "../index.js";
import { Cells } from "./cells.js";

/** What is asked for at the moment. */
export interface Wish {
  readonly realism: number;
  readonly anyModel: boolean;
  /** Of the picture, to be rebuilt; undefined = nothing is needed. */
  readonly area: Box | undefined;
  readonly invented: boolean;
}

/** Difference of the dial's ends, as a picture over the part that it was made for. */
export interface Invented {
  readonly box: Box;
  readonly bitmap: ImageBitmap;
}

/** What a page is told. */
export interface Listener {
  readonly changed: () => void;
  readonly progress: (part: number | undefined) => void;
  readonly failed: (error: Error) => void;
}

/** A level of difference that is shown in full. */
const FULL_DIFFERENCE = 48;
const INVENTED_PIXELS = 2 ** 20;

export class Session {
  readonly cells: Cells;
  invented: Invented | undefined;
  making: Making | undefined;
  /** Timesteps of tiles that have been rebuilt; NaN elsewhere. */
  readonly timesteps: Grid;
  private running: AbortController | undefined;
  private runningBox: Box | undefined;
  private wish: Wish = { realism: 1, anyModel: false, area: undefined, invented: false };

  constructor(
    readonly file: Tadm,
    private readonly listener: Listener,
  ) {
    const { width, height } = file.info;
    this.cells = new Cells(file.info);
    const [columns, rows] = [Math.ceil(width / 64), Math.ceil(height / 64)];
    this.timesteps = { columns, rows, values: new Float32Array(columns * rows).fill(NaN) };
  }

  /** Rebuild what is wished for and not there; earlier work that is not part of it is given up. */
  want(wish: Wish): void {
    const same = wish.realism === this.wish.realism && wish.anyModel === this.wish.anyModel;
    const elsewhere = wish.area && this.runningBox && !overlap(wish.area, this.runningBox);
    if (!same || elsewhere) this.running?.abort();
    this.wish = wish;
    if (!this.running) void this.work();
  }

  close(): void {
    this.wish = { ...this.wish, area: undefined };
    this.running?.abort();
    this.cells.clear();
    this.file.close();
  }

  private async work(): Promise<void> {
    for (let job = this.next(); job; job = this.next()) {
      const control = new AbortController();
      this.running = control;
      try {
        await job(control.signal);
      } catch (error) {
        if ((error as Error).name !== "AbortError") {
          this.listener.failed(error as Error);
          this.wish = { ...this.wish, area: undefined };
        }
      }
      this.running = undefined;
      this.listener.progress(undefined);
      this.listener.changed();
    }
  }

  private next(): ((signal: AbortSignal) => Promise<void>) | undefined {
    const { area, realism, invented } = this.wish;
    if (!area || !this.cells.holds(area)) return undefined;
    const box = this.cells.missing(area, realism);
    if (box) return (signal) => this.rebuild(box, signal);
    const small = area.width * area.height <= INVENTED_PIXELS ? area : middle(area, INVENTED_PIXELS);
    if (invented && !sameBox(this.invented?.box, small)) return (signal) => this.compareEnds(small, signal);
    return undefined;
  }

  private async rebuild(box: Box, signal: AbortSignal): Promise<void> {
    const { realism, anyModel } = this.wish;
    const onProgress = (done: number, total: number): void => this.listener.progress(done / total);
    this.runningBox = box;
    const made = await this.file.rebuild({ realism, region: box, anyModel, signal, onProgress });
    this.making = made.making;
    await this.cells.put(box, await this.file.shown(made.picture), realism);
    const [left, top] = [Math.floor(box.x / 64), Math.floor(box.y / 64)];
    for (let row = 0; row < made.timesteps.rows; row++) {
      const { columns } = made.timesteps;
      const values = made.timesteps.values.subarray(row * columns, (row + 1) * columns);
      this.timesteps.values.set(values, (top + row) * this.timesteps.columns + left);
    }
  }

  private async compareEnds(box: Box, signal: AbortSignal): Promise<void> {
    const { anyModel } = this.wish;
    const ends: ImageData[] = [];
    for (const realism of [0, 1]) {
      this.listener.progress(realism / 2);
      ends.push(await this.file.decode({ realism, region: box, anyModel, signal }));
    }
    const [low, high] = ends as [ImageData, ImageData];
    const out = new ImageData(box.width, box.height);
    for (let i = 0; i < out.data.length; i += 4) {
      const apart = [0, 1, 2].map((c) => Math.abs(high.data[i + c]! - low.data[i + c]!));
      out.data.set([255, 96, 0, Math.min(255, (Math.max(...apart) / FULL_DIFFERENCE) * 255)], i);
    }
    this.invented?.bitmap.close();
    this.invented = { box, bitmap: await createImageBitmap(out) };
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** A part of an area around its middle with at most so many pixels. */
function middle({ x, y, width, height }: Box, pixels: number): Box {
  const factor = Math.sqrt(pixels / (width * height));
  const [w, h] = [Math.floor(width * factor), Math.floor(height * factor)];
  return { x: x + ((width - w) >> 1), y: y + ((height - h) >> 1), width: w, height: h };
}

function sameBox(a: Box | undefined, b: Box): boolean {
  return a !== undefined && a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}

/** An opened file: the LR at once, the photograph or a region of it when asked for. */

import { shown } from "./colour.js";
import { closeInWorker, openInWorker, rebuildInWorker } from "./decode/client.js";
import type { Grid } from "./decode/conditioning.js";
import { StoredLr } from "./decode/lr.js";
import type { Making } from "./decode/messages.js";
import { checkRebuildable, checkedRegion } from "./decode/rebuild.js";
import { InputError } from "./errors.js";
import { LIMITS, type Limits } from "./format/constants.js";
import { read, type Box, type TadmFile } from "./format/container.js";
import { infoOf, type Info } from "./info.js";
import { bytesOf, type Source } from "./source.js";

export interface OpenOptions {
  /** In place of the default limits. */
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
}

export interface DecodeOptions {
  /** 0..1: 0 = nothing invented, 1 = full texture; by default what the model recommends. */
  readonly realism?: number;
  /** In HR pixels; by default the whole picture. A region is the same pixels as in the whole. */
  readonly region?: Box;
  /** Of the invented texture, 0..2^32-1; by default 0. */
  readonly seed?: number;
  /** False shows what the reader gives, without the denoising step. */
  readonly denoise?: boolean;
  /** Rebuild with another model of the same scale where the file's own is not here. */
  readonly anyModel?: boolean;
  /** Bytes that the networks may take: less means smaller pieces, and more work. */
  readonly memory?: number;
  /** Called with pieces done and pieces in all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** A rebuilt photograph or region, and how it was made. */
export interface Rebuilt {
  readonly picture: ImageData;
  /** Timestep before realism of every tile of 64 x 64 pixels that the region touches. */
  readonly timesteps: Grid;
  readonly making: Making;
}

/**
 * Read and check a file; nothing is decoded yet.
 *
 * @throws TadmError the file is broken, too new, asks for too much, or cannot be had.
 */
export async function open(source: Source, options: OpenOptions = {}): Promise<Tadm> {
  const limits = { ...LIMITS, ...options.limits };
  const data = await bytesOf(source, limits, options.signal);
  return new Tadm(read(data, limits), data, limits);
}

/** A `.tadm` file, parsed once. */
export class Tadm {
  /** What the file says of itself. */
  readonly info: Info;
  private readonly lr: StoredLr;
  private inWorker: number | undefined;

  /** See `open`. */
  constructor(
    readonly file: TadmFile,
    private readonly data: Uint8Array,
    private readonly limits: Limits,
  ) {
    this.info = infoOf(file);
    this.lr = new StoredLr(file);
  }

  /**
   * The stored LR picture, by its ICC profile: no model is needed.
   *
   * @throws FormatError the payload is broken.
   * @throws UnsupportedError no browser decodes it.
   */
  async thumbnail(): Promise<ImageBitmap> {
    const { width, height } = this.file.lr;
    return this.shown(new ImageData(await this.lr.whole(), width, height));
  }

  /**
   * Rebuild the photograph or a region of it.
   *
   * @throws FormatError the payload is broken.
   * @throws UnsupportedError the file is not of the compact family, or cannot be decoded here.
   * @throws ModelError its model is not here, or memory is too small.
   * @throws InputError an option has a wrong value.
   * @throws DOMException named AbortError: the signal has said so.
   */
  async decode(options: DecodeOptions = {}): Promise<ImageData> {
    return (await this.rebuild(options)).picture;
  }

  /** As `decode`, with the timesteps and what the picture has to say of its making. */
  async rebuild(options: DecodeOptions = {}): Promise<Rebuilt> {
    const { realism, seed = 0, denoise = true, anyModel = false, memory = usualMemory(), signal } = options;
    checkRebuildable(this.file);
    const region = checkedRegion(this.info, options.region);
    if (realism !== undefined && !(realism >= 0 && realism <= 1)) {
      throw new InputError(`realism is ${realism}, expected a number in 0..1`);
    }
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
      throw new InputError(`seed is ${seed}, expected a whole number in 0..${2 ** 32 - 1}`);
    }
    signal?.throwIfAborted();
    this.inWorker ??= openInWorker(this, this.data, this.limits);
    const wanted = { region, seed, denoise, memory, any: anyModel, ...(realism !== undefined && { realism }) };
    const answer = await rebuildInWorker(this.inWorker, wanted, options.onProgress ?? (() => undefined), signal);
    const picture = new ImageData(answer.pixels, region.width, region.height);
    return { picture, timesteps: answer.timesteps, making: answer.making };
  }

  /** A rebuilt picture as a screen is to show it: by the file's ICC profile, which `decode` leaves out of account. */
  shown(picture: ImageData): Promise<ImageBitmap> {
    return shown(picture, this.file.icc);
  }

  /** Let go of what the worker holds of the file; it can still be used. */
  close(): void {
    if (this.inWorker !== undefined) closeInWorker(this, this.inWorker);
    this.inWorker = undefined;
  }
}

/** An eighth of what the machine says it has, which browsers round and hide; 512 MiB where they do not say. */
function usualMemory(): number {
  const { deviceMemory = 4 } = navigator as { readonly deviceMemory?: number };
  return 2 ** 30 * Math.max(0.25, Math.min(1, deviceMemory / 8));
}

/** An opened file: the LR at once. */

import { StoredLr } from "./decode/lr.js";
import { LIMITS, type Limits } from "./format/constants.js";
import { read, type TadmFile } from "./format/container.js";
import { infoOf, type Info } from "./info.js";
import { bytesOf, type Source } from "./source.js";

export interface OpenOptions {
  /** In place of the default limits. */
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
}

/**
 * Read and check a file; nothing is decoded yet.
 *
 * @throws TadmError the file is broken, too new, asks for too much, or cannot be had.
 */
export async function open(source: Source, options: OpenOptions = {}): Promise<Tadm> {
  const limits = { ...LIMITS, ...options.limits };
  return new Tadm(read(await bytesOf(source, limits, options.signal), limits));
}

/** A `.tadm` file, parsed once. */
export class Tadm {
  /** What the file says of itself. */
  readonly info: Info;
  private readonly lr: StoredLr;

  /** @param file its parsed container. */
  constructor(readonly file: TadmFile) {
    this.info = infoOf(file);
    this.lr = new StoredLr(file);
  }

  /**
   * The stored LR picture: no model is needed.
   *
   * @throws FormatError the payload is broken.
   * @throws UnsupportedError no browser decodes it.
   */
  async thumbnail(): Promise<ImageBitmap> {
    const { width, height } = this.file.lr;
    return createImageBitmap(new ImageData(await this.lr.whole(), width, height));
  }
}

/** A payload as a picture file that browsers open. */

import { UnsupportedError } from "../errors.js";
import { AV1, PNG, WEBP, codingName } from "../format/constants.js";
import type { Size } from "../format/container.js";
import { av1Picture, avifOf } from "./av1.js";
import { pngOf } from "./png.js";
import { webpOf } from "./webp.js";

/** A picture file. */
export interface PictureFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Size of the picture in it: an AV1 picture of odd width may have a column more than the slab. */
  readonly coded: Size;
  /** Whether colour is stored at half the size each way. */
  readonly subsampled: boolean;
}

/**
 * The picture file of a payload of a slab of this size.
 *
 * @throws FormatError it is broken.
 * @throws UnsupportedError its coding is not known, or no browser decodes it.
 */
export function pictureFile(coding: number, payload: Uint8Array, size: Size): PictureFile {
  switch (coding) {
    case PNG:
      return { type: "image/png", bytes: pngOf(payload, size), coded: size, subsampled: false };
    case WEBP:
      return { type: "image/webp", bytes: webpOf(payload, size), coded: size, subsampled: false };
    case AV1: {
      const picture = av1Picture(payload, size);
      const { coded, subsampled } = picture;
      return { type: "image/avif", bytes: avifOf(picture), coded, subsampled };
    }
    default:
      throw new UnsupportedError(`payload coding ${coding} (${codingName(coding)}) cannot be shown by a browser`);
  }
}

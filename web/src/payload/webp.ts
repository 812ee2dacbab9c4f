/** Lossless WebP payloads: RIFF boxes and the first five bytes of VP8L, rebuilt from the slab's size (section 8). */

import { FormatError } from "../errors.js";
import { joined, letters, little32 } from "../format/bytes.js";
import type { Size } from "../format/container.js";

const MAX_SIDE = 2 ** 14;

/** The payload as a WebP file. */
export function webpOf(payload: Uint8Array, { width, height }: Size): Uint8Array<ArrayBuffer> {
  if (Math.max(width, height) > MAX_SIDE) {
    throw new FormatError(`webp payload: ${width}x${height}, expected at most ${MAX_SIDE} a side`);
  }
  const size = ((width - 1) | ((height - 1) << 14)) >>> 0;
  const body = joined([0x2f], little32(size), payload);
  const even = joined(body, Array<number>(body.length % 2).fill(0));
  return joined(letters("RIFF"), little32(12 + even.length), letters("WEBPVP8L"), little32(body.length), even);
}

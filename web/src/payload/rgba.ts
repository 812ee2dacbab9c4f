/** Pixels in memory. */

import { ModelError } from "../errors.js";

/** RGBA, row by row. */
export type Rgba = Uint8ClampedArray<ArrayBuffer>;

/**
 * Room for a picture.
 *
 * @throws ModelError there is none.
 */
export function rgba(width: number, height: number): Rgba {
  try {
    return new Uint8ClampedArray(4 * width * height);
  } catch {
    throw new ModelError(`too little memory for ${width}x${height} pixels; a smaller region may fit`);
  }
}

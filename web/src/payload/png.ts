/** PNG payloads, cut down to what makes the picture, so that a browser finds no colour to correct (section 8). */

import { FormatError, TruncatedError } from "../errors.js";
import { Cursor, joined } from "../format/bytes.js";
import type { Size } from "../format/container.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = [0, 2, 3];
/** Chunks that make a picture transparent or animated. */
const REFUSED = ["tRNS", "acTL", "fcTL", "fdAT"];

/** The payload as a PNG file of its critical chunks alone. */
export function pngOf(payload: Uint8Array, size: Size): Uint8Array<ArrayBuffer> {
  if (SIGNATURE.some((byte, i) => payload[i] !== byte))
    throw new FormatError("png payload: does not begin as a PNG file");
  const cursor = new Cursor(payload, "png payload", SIGNATURE.length);
  const kept: Uint8Array[] = [];
  for (let type = ""; type !== "IEND";) {
    const start = cursor.at;
    const length = cursor.u32();
    type = String.fromCharCode(...cursor.take(4));
    const body = cursor.take(length);
    cursor.take(4); // its CRC, which browsers check
    if (kept.length === 0) checkHeader(type, body, size);
    if (REFUSED.includes(type)) throw new FormatError(`png payload: transparent or animated (${type})`);
    if (type[0]! <= "Z") kept.push(payload.subarray(start, cursor.at));
    if (type !== "IEND" && cursor.left === 0) throw new TruncatedError("png payload: ends without IEND");
  }
  return joined(SIGNATURE, ...kept);
}

function checkHeader(type: string, body: Uint8Array, size: Size): void {
  if (type !== "IHDR" || body.length !== 13) throw new FormatError("png payload: its first chunk is no IHDR");
  const cursor = new Cursor(body, "png payload");
  const [width, height, depth, colour] = [cursor.u32(), cursor.u32(), cursor.u8(), cursor.u8()];
  if (width !== size.width || height !== size.height) {
    throw new FormatError(`png payload: picture is ${width}x${height}, expected ${size.width}x${size.height}`);
  }
  if (depth > 8 || !COLOUR_TYPES.includes(colour)) {
    throw new FormatError(`png payload: ${depth} bits, colour type ${colour}; expected at most 8 bits, 0, 2 or 3`);
  }
}

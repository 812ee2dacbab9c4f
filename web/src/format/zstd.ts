/** Compressed chunk bodies: one zstd frame (RFC 8878), never inflated past the limit. */

import { Decompress } from "fzstd";

import { FormatError, TruncatedError } from "../errors.js";
import { check, joined } from "./bytes.js";
import type { Limits } from "./constants.js";

/** Compressed bytes handed over at a time: what one step can inflate to stays bounded. */
const STEP = 64;
/** Windows up to this are always allowed: small content is often written with a large one. */
const FREE_WINDOW = 2 ** 20;

interface Frame {
  /** Bytes that the decompressor will hold. */
  readonly window: number;
  /** Size of the content, if it is stated. */
  readonly content: number | undefined;
  /** Length of the frame in bytes. */
  readonly length: number;
}

/** Inflate one whole frame and nothing else. */
export function inflate(data: Uint8Array, limits: Limits, what: string): Uint8Array {
  const frame = frameOf(data, what);
  check(limits, "metadata_bytes", frame.window > FREE_WINDOW ? frame.window : 0, `${what}: window`);
  check(limits, "metadata_bytes", frame.content ?? 0, what);
  if (frame.length < data.length) throw new FormatError(`${what}: bytes follow its zstd frame`);
  const parts: Uint8Array[] = [];
  let size = 0;
  const inflater = new Decompress((part) => {
    size += part.length;
    if (part.length > 0) parts.push(part.slice());
  });
  try {
    for (let at = 0; at < data.length; at += STEP) {
      inflater.push(data.slice(at, at + STEP), at + STEP >= data.length);
      check(limits, "metadata_bytes", size, what);
    }
  } catch (error) {
    // its own errors have numbers, and broken data makes it index out of its tables
    if (error instanceof RangeError || error instanceof TypeError || "code" in (error as object)) {
      throw new FormatError(`${what}: not a readable zstd frame (${(error as Error).message})`);
    }
    throw error;
  }
  if (frame.content !== undefined && frame.content !== size) {
    throw new FormatError(`${what}: its zstd frame states ${frame.content} bytes and holds ${size}`);
  }
  return joined(...parts);
}

/** Read the frame header and walk over the blocks, without inflating anything. */
function frameOf(data: Uint8Array, what: string): Frame {
  const ended = (): never => {
    throw new TruncatedError(`${what}: its zstd frame ends too early`);
  };
  const little = (at: number, size: number): number => {
    if (at + size > data.length) return ended();
    let value = 0;
    for (let i = 0; i < size; i++) value += data[at + i]! * 2 ** (8 * i);
    return value;
  };
  if (little(0, 4) !== 0xfd2fb528) throw new FormatError(`${what}: not a zstd frame`);
  const flags = little(4, 1);
  const [single, reserved, summed] = [(flags & 32) !== 0, (flags & 8) !== 0, (flags & 4) !== 0];
  if (reserved || (flags & 3) !== 0) throw new FormatError(`${what}: a zstd frame with a dictionary or reserved bits`);
  let at = 5;
  let window = 0;
  if (!single) {
    const byte = little(at++, 1);
    const base = 2 ** (10 + (byte >> 3));
    window = base + (base / 8) * (byte & 7);
  }
  const sizes = [single ? 1 : 0, 2, 4, 8];
  const size = sizes[flags >> 6]!;
  const content = size === 0 ? undefined : little(at, size) + (size === 2 ? 256 : 0);
  at += size;
  for (let last = false; !last;) {
    const header = little(at, 3);
    const kind = (header >> 1) & 3;
    if (kind === 3) throw new FormatError(`${what}: a zstd block of a reserved kind`);
    last = (header & 1) !== 0;
    at += 3 + (kind === 1 ? 1 : header >> 3);
    if (at > data.length) ended();
  }
  at += summed ? 4 : 0;
  if (at > data.length) ended();
  return { window: single ? content! : window, content, length: at };
}

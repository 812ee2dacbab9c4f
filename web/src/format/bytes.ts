/** Reading bytes in order, and checksums. */

import { FormatError, LimitError, TruncatedError } from "../errors.js";
import type { Limits } from "./constants.js";

/** A place in some bytes that moves as fields are read; running over the end is an error that says where. */
export class Cursor {
  /**
   * @param data what is read.
   * @param where of the file it is, for messages.
   * @param at index of the next byte.
   * @param end index behind the last byte.
   */
  constructor(
    private readonly data: Uint8Array,
    private readonly where: string,
    public at = 0,
    private readonly end = data.length,
  ) {}

  get left(): number {
    return this.end - this.at;
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  /** Four bytes, most significant first. */
  u32(): number {
    const [a, b, c, d] = this.take(4) as unknown as [number, number, number, number];
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  }

  /** Unsigned LEB128 of at most `size` bytes, in its shortest form. */
  varint(size: number): number {
    let value = 0;
    for (let index = 0; index < size; index++) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** (7 * index); // five bytes are more than 32 bits
      if (byte < 0x80) {
        if (byte === 0 && index > 0) throw new FormatError(`${this.where}: varint is not in its shortest form`);
        return value;
      }
    }
    throw new FormatError(`${this.where}: varint is longer than ${size} bytes`);
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    if (length > this.left) {
      throw new TruncatedError(`${this.where} at byte ${this.at}: ${length} bytes needed, ${this.left} are left`);
    }
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }
}

/** Bytes put after one another. */
export function joined(...parts: ReadonlyArray<Uint8Array | readonly number[]>): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Numbers as big-endian bytes: `big(2, 1, 13)` is two bytes each. */
export function big(size: number, ...values: number[]): number[] {
  return values.flatMap((value) =>
    Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * (size - 1 - i))) % 256),
  );
}

/** A 32-bit number as little-endian bytes. */
export function little32(value: number): number[] {
  return big(4, value).reverse();
}

/** Latin letters as bytes. */
export function letters(text: string): number[] {
  return [...text].map((letter) => letter.charCodeAt(0));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 of ISO 3309, as in PNG and zlib. */
export function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < data.length; i++) crc = CRC_TABLE[(crc ^ data[i]!) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Refuse a value above the limit of that name. */
export function check(limits: Limits, name: keyof Limits, value: number, what: string): void {
  const allowed = limits[name];
  if (allowed && value > allowed) throw new LimitError(`${what}: ${value} is over the limit of ${allowed} (${name})`);
}

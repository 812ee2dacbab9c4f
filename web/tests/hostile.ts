/** Broken files, made from whole ones. The same kinds as in the corruption tests of the Python package. */

import { big, crc32, joined, letters } from "../src/format/bytes.js";

/** Small and quick, the same on every run: numbers from 0 up to `below`. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Every single-byte change by one of three masks. */
export function* changes(data: Uint8Array): Generator<{ offset: number; data: Uint8Array }> {
  for (let offset = 0; offset < data.length; offset++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const changed = data.slice();
      changed[offset]! ^= mask;
      yield { offset, data: changed };
    }
  }
}

/** A file with some bytes changed and its last checksum made right again; only files of one slab end with it. */
export function resealed(data: Uint8Array, next: (below: number) => number): Uint8Array {
  const body = data.slice(0, -4);
  for (let n = 1 + next(3); n > 0; n--) body[4 + next(body.length - 4)] = next(256);
  return joined(body, big(4, crc32(body)));
}

/** A file of one chunk, with an empty payload. */
export function fileOf(type: string, body: Uint8Array, { width = 2, height = 2 } = {}): Uint8Array {
  const sides = [width, height].flatMap(varint);
  const head = [0x9c, 0x54, 0x44, 0x4d, 0x10, 0x80, ...sides, 1, ...Array<number>(8).fill(0)];
  const data = joined(head, [1], letters(type), varint(body.length), body);
  return joined(data, big(4, crc32(data)));
}

/** Of a number below 2^28. */
export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** A zstd frame of blocks that each repeat a zero 128 Ki times; its window is 8 MiB. */
export function zstdOfZeros(blocks: number): Uint8Array {
  const block = (last: boolean): number[] => {
    const header = (last ? 1 : 0) | (1 << 1) | ((2 ** 17) << 3);
    return [header & 255, (header >> 8) & 255, header >> 16, 0];
  };
  const all = Array.from({ length: blocks }, (_, n) => block(n === blocks - 1)).flat();
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, ...all]);
}

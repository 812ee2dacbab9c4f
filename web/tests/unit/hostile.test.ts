/** The container of broken files: this library's errors, each one line, and nothing else. */

import { expect, test } from "vitest";

import { TadmError } from "../../src/errors.js";
import { LIMITS } from "../../src/format/constants.js";
import { read, type TadmFile } from "../../src/format/container.js";
import { pictureFile } from "../../src/payload/files.js";
import { NAMES, dump, golden } from "../golden.js";
import { changes, fileOf, numbers, resealed, varint, zstdOfZeros } from "../hostile.js";

/** Parse, and make picture files of every payload; a message of an error of ours, or the structure. */
function attempt(data: Uint8Array): unknown {
  try {
    const file = read(data);
    files(file);
    return dump(file);
  } catch (error) {
    if (!(error instanceof TadmError)) throw error;
    expect(error.message).not.toContain("\n");
    return error.message;
  }
}

function files(file: TadmFile): void {
  for (const payload of file.payloads) pictureFile(file.coding, payload, file.slab);
}

const kind = (name: string): Error => expect.objectContaining({ kind: name }) as Error;

test.each(NAMES)("%s: every prefix, and a byte more, is refused", (name) => {
  const data = golden(name);
  for (let length = 0; length < data.length; length++) expect(() => read(data.subarray(0, length))).toThrow(TadmError);
  expect(() => read(Uint8Array.from([...data, 0]))).toThrow(TadmError);
});

test.each(NAMES)("%s: every change of a byte is refused or harmless", (name) => {
  const data = golden(name);
  const whole = dump(read(data)) as object;
  for (const changed of changes(data)) {
    const got = attempt(changed.data);
    // the minor version may change, and nothing else
    if (typeof got !== "string") expect([changed.offset, got]).toEqual([4, whole]);
  }
});

test.each(NAMES)("%s: what stands behind a right checksum raises only our errors", (name) => {
  const next = numbers(2);
  for (let n = 0; n < 400; n++) attempt(resealed(golden(name), next));
});

test("compressed chunks stop at the limit, however small they are", () => {
  expect(read(fileOf("iccp", zstdOfZeros(3))).icc).toHaveLength(3 * 2 ** 17);
  expect(() => read(fileOf("iccp", zstdOfZeros(65)))).toThrow(kind("limit"));
  const limits = { ...LIMITS, metadata_bytes: 2 ** 17 };
  expect(() => read(fileOf("iccp", zstdOfZeros(2)), limits)).toThrow(kind("limit"));
});

test("windows over the limit are refused before they are allocated", () => {
  const frame = zstdOfZeros(1);
  frame[5] = 21 << 3; // 2 GiB
  expect(() => read(fileOf("xmpp", frame))).toThrow(kind("limit"));
});

test.each([
  ["cut", (f: Uint8Array) => f.subarray(0, -1), "truncated"],
  ["with bytes behind it", (f: Uint8Array) => Uint8Array.from([...f, 0]), "format"],
  ["of another magic", (f: Uint8Array) => Uint8Array.from([0, ...f.subarray(1)]), "format"],
  ["with a dictionary", (f: Uint8Array) => Uint8Array.from([...f.subarray(0, 4), 1, ...f.subarray(5)]), "format"],
] as const)("a zstd frame %s", (_, change, name) => {
  expect(() => read(fileOf("exif", change(zstdOfZeros(1))))).toThrow(kind(name));
});

test("pictures, slabs and chunks are counted before anything is allocated for them", () => {
  const tiny = new Uint8Array(0);
  expect(() => read(fileOf("note", tiny, { width: 2 ** 20, height: 2 ** 20 }))).toThrow(kind("limit"));
  // a row is as much work as 64
  expect(() => read(fileOf("note", tiny, { width: 2 ** 23, height: 1 }))).toThrow(kind("limit"));
  const slabs = Uint8Array.from([...varint(1), ...varint(1)]);
  expect(() => read(fileOf("SLAB", slabs, { width: 4096, height: 4096 }))).toThrow(kind("limit"));
  expect(() => read(fileOf("note", tiny), { ...LIMITS, file_bytes: 20 })).toThrow(kind("limit"));
});

test("critical chunks that are not known are refused, ancillary ones are kept", () => {
  expect(() => read(fileOf("Note", Uint8Array.of(1)))).toThrow(kind("unsupported"));
  expect(read(fileOf("note", Uint8Array.of(1))).unknown).toEqual([["note", Uint8Array.of(1)]]);
});

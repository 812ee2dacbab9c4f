import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { read } from "../../src/format/container.js";
import { infoOf } from "../../src/info.js";
import { pictureFile } from "../../src/payload/files.js";
import { GOLDEN, NAMES, dump, golden } from "../golden.js";

test("there are golden files", () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(18);
});

test.each(NAMES)("%s has the structure that Python found", (name) => {
  const want: unknown = JSON.parse(readFileSync(`${GOLDEN}${name}.json`, "utf8"));
  expect(dump(read(golden(name)))).toEqual(want);
});

test("a PNG payload becomes a file without its ancillary chunks", () => {
  const file = read(golden("png-scale16"));
  const made = pictureFile(file.coding, file.payloads[0]!, file.lr);
  expect(made.type).toBe("image/png");
  expect(Buffer.from(made.bytes).toString("latin1")).not.toMatch(/gAMA|iCCP|sRGB|tEXt/);
});

test("JPEG XL is said to be unsupported, not broken", () => {
  const file = read(golden("jxl-scale8"));
  expect(() => pictureFile(file.coding, file.payloads[0]!, file.lr)).toThrow(
    expect.objectContaining({ kind: "unsupported", message: expect.stringContaining("JXL") as string }) as Error,
  );
});

test("info says what the file says", () => {
  expect(infoOf(read(golden("metadata")))).toEqual({
    width: 201,
    height: 130,
    scale: 4,
    lrWidth: 51,
    lrHeight: 33,
    payload: "av1",
    quality: 20,
    bytes: 325,
    bpp: (8 * 325) / (201 * 130),
    slabs: 1,
    grid: "COMPACT_64",
    modelId: "0123456789abcdef",
    alpha: false,
    timesteps: true,
    metadata: ["icc", "exif", "xmp"],
  });
});

/** The tables of format_spec.md against this reader's constants, as tools/check_spec.py does for Python. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import {
  CHUNKS,
  CODINGS,
  FIRST_LOSSY,
  LIMITS,
  MAGIC,
  MAX_SIDE,
  PRESETS,
  VERSION_MAJOR,
} from "../../src/format/constants.js";
import { ROOT } from "../golden.js";

const TEXT = readFileSync(`${ROOT}format_spec.md`, "utf8");

/** Rows of the first table after a heading whose first column has this name. */
function table(first: string, after = ""): string[][] {
  const from = TEXT.slice(TEXT.indexOf(after));
  for (const [block] of from.matchAll(/(?:^\|.*\|\n)+/gm)) {
    const rows = block
      .trimEnd()
      .split("\n")
      .map((line) =>
        line
          .slice(1, -1)
          .split("|")
          .map((cell) => cell.trim()),
      );
    if (rows[0]![0] === first) return rows.slice(2);
  }
  throw new Error(`format_spec.md: no table that begins with ${first}`);
}

const bare = (text: string | undefined): string => text!.replaceAll("`", "");

test("limits", () => {
  expect(Object.fromEntries(table("limit").map((row) => [row[0], Number(row[1])]))).toEqual(LIMITS);
});

test("presets", () => {
  const rows = table("number", "Table 5.1, tile grid presets");
  expect(Object.fromEntries(rows.map((row) => [Number(row[0]), row[1]]))).toEqual(PRESETS);
});

test("codings", () => {
  const rows = table("number", "## 8. Payload codings");
  expect(Object.fromEntries(rows.map((row) => [Number(row[0]), row[1]]))).toEqual(CODINGS);
  for (const [number, , lossless] of rows) expect(Number(number) < FIRST_LOSSY).toBe(lossless === "yes");
});

test("chunks", () => {
  const rows = table("type");
  const compressed = Object.fromEntries(rows.map((row) => [bare(row[0]), { compressed: row[2] === "zstd" }]));
  expect(compressed).toEqual(CHUNKS);
});

test("header", () => {
  const rows = table("offset");
  const allowed = (name: string): string => bare(rows.find((row) => row[3] === name)![4]);
  expect(
    allowed("magic")
      .split(" ")
      .map((byte) => parseInt(byte, 16)),
  ).toEqual(MAGIC);
  expect(Number(allowed("major version"))).toBe(VERSION_MAJOR);
  expect(allowed("HR width")).toBe(`1..${MAX_SIDE}`);
});

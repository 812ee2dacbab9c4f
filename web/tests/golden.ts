/** The golden files of the Python package: what every reader has to find. */

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { PRESETS, codingName } from "../src/format/constants.js";
import type { TadmFile } from "../src/format/container.js";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const GOLDEN = `${ROOT}tests/golden/`;

/** Names of the golden files, without their ending. */
export const NAMES = readdirSync(GOLDEN)
  .filter((name) => name.endsWith(".tadm"))
  .map((name) => name.slice(0, -".tadm".length));

export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${GOLDEN}${name}.tadm`));
}

/** The account of a file that stands beside it as JSON; the form is that of `codec/container/dump.py`. */
export function dump(file: TadmFile): unknown {
  const body = (data: Uint8Array) => [data.length, createHash("sha256").update(data).digest("hex")];
  const { alpha, timesteps, icc, exif, xmp } = file;
  const bodies = {
    alpha: alpha && Buffer.concat([Uint8Array.of(alpha.coding), ...alpha.parts]),
    timesteps,
    icc,
    exif,
    xmp,
  };
  const present = Object.entries(bodies).flatMap(([name, data]) => (data ? [[name, body(data)]] : []));
  return {
    width: file.width,
    height: file.height,
    scale: file.scale,
    coding: codingName(file.coding),
    quality: file.quality,
    grid: PRESETS[file.grid] ?? file.grid,
    model_id: file.modelId,
    slab: [file.slab.width, file.slab.height],
    payloads: file.payloads.map(body),
    chunks: Object.fromEntries(present),
    unknown: file.unknown.map(([type, data]) => [type, ...body(data)]),
  };
}

/** A rebuilt photograph as a picture file, with its metadata and what it has to say of its making. */

import { InputError } from "../errors.js";
import type { Rebuilt } from "../tadm.js";
import { filledJpeg, filledPng, filledWebp, type Carried, type Filled } from "./files.js";
import { marked } from "./xmp.js";

/** Formats that browsers write. */
export type SavedType = "image/png" | "image/jpeg" | "image/webp";

/** A written file, and what it could not hold, in words. */
export interface Saved {
  readonly blob: Blob;
  readonly notes: readonly string[];
}

const QUALITY = 0.95;

/**
 * Write a picture.
 *
 * @param made as `Tadm.rebuild` gave it.
 * @param metadata of the file: `Tadm.file`.
 * @throws InputError this browser does not write the format, or not so large a picture.
 */
export async function save(made: Rebuilt, metadata: Carried, type: SavedType): Promise<Saved> {
  const { width, height } = made.picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new InputError(`this browser has no canvas of ${width}x${height}`);
  context.putImageData(made.picture, 0, 0);
  const written = await canvas.convertToBlob({ type, quality: QUALITY });
  if (written.type !== type) throw new InputError(`this browser does not write ${type}`);
  const { xmp, notes } = marked(metadata.xmp, made.making);
  const carried: Carried = {
    ...(metadata.icc && { icc: metadata.icc }),
    ...(metadata.exif && { exif: metadata.exif }),
    xmp: new TextEncoder().encode(xmp),
  };
  const filled = await fill(new Uint8Array(await written.arrayBuffer()), carried, type, made.picture);
  return { blob: new Blob([filled.bytes], { type }), notes: [...notes, ...filled.notes] };
}

async function fill(file: Uint8Array, carried: Carried, type: SavedType, picture: ImageData): Promise<Filled> {
  switch (type) {
    case "image/png":
      return filledPng(file, carried);
    case "image/jpeg":
      return filledJpeg(file, carried);
    case "image/webp":
      return filledWebp(file, carried, picture.width, picture.height);
  }
}

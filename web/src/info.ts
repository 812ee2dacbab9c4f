/** What a file says of itself, in the words of the Python package. */

import { PRESETS, codingName } from "./format/constants.js";
import type { TadmFile } from "./format/container.js";

export interface Info {
  /** HR size in pixels. */
  readonly width: number;
  readonly height: number;
  /** HR/LR ratio. */
  readonly scale: number;
  readonly lrWidth: number;
  readonly lrHeight: number;
  /** "av1", "png", "webp", "jxl", or what a coding is called that is not known. */
  readonly payload: string;
  /** 0..99; 100 = lossless. */
  readonly quality: number;
  /** Size of the whole file. */
  readonly bytes: number;
  /** Bits of the whole file a pixel of the photograph. */
  readonly bpp: number;
  readonly slabs: number;
  /** Name of the tile grid preset, or its number where it is not known. */
  readonly grid: string;
  /** Id of the model that the file needs, in hexadecimal digits. */
  readonly modelId: string;
  readonly alpha: boolean;
  /** Whether the file has timesteps of its own. */
  readonly timesteps: boolean;
  /** Which of "icc", "exif", "xmp" ride along. */
  readonly metadata: readonly string[];
}

export function infoOf(file: TadmFile): Info {
  return {
    width: file.width,
    height: file.height,
    scale: file.scale,
    lrWidth: file.lr.width,
    lrHeight: file.lr.height,
    payload: codingName(file.coding).toLowerCase(),
    quality: file.quality,
    bytes: file.bytes,
    bpp: (8 * file.bytes) / (file.width * file.height),
    slabs: file.payloads.length,
    grid: PRESETS[file.grid] ?? String(file.grid),
    modelId: file.modelId,
    alpha: file.alpha !== undefined,
    timesteps: file.timesteps !== undefined,
    metadata: (["icc", "exif", "xmp"] as const).filter((name) => file[name] !== undefined),
  };
}

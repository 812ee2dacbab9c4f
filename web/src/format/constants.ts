/** Numbers of the format. `format_spec.md` is normative; a unit test compares its tables with this file. */

/** First four bytes of every file. */
export const MAGIC: readonly number[] = [0x9c, 0x54, 0x44, 0x4d];
/** The major version that is read; of minor versions every one is. */
export const VERSION_MAJOR = 1;
/** Largest side in pixels that the format can express. */
export const MAX_SIDE = 2 ** 24 - 1;
export const MODEL_ID_SIZE = 8;
/** Side in HR pixels of a timestep tile: the networks run on whole ones. */
export const TILE = 64;

/** Tile grid presets that are known, by number. */
export const PRESETS: Readonly<Record<number, string>> = {
  0: "COMPACT_64",
  1: "LATENT_96_32",
  2: "PICTURE_TIME",
  3: "PICTURE_TWICE",
};
/** The preset that this library can rebuild. */
export const COMPACT_PRESET = 0;

/** Payload codings that are known, by number. */
export const CODINGS: Readonly<Record<number, string>> = { 0: "PNG", 1: "WEBP", 2: "JXL", 8: "AV1" };
export const PNG = 0;
export const WEBP = 1;
export const JXL = 2;
export const AV1 = 8;
/** Codings below this number are lossless and have no quality byte. */
export const FIRST_LOSSY = 8;
/** Codings that later versions are expected to have. */
const RESERVED: Readonly<Record<number, string>> = { 9: "AV2" };

/** What a coding is called, known or not. */
export function codingName(coding: number): string {
  return CODINGS[coding] ?? RESERVED[coding] ?? `CODING-${coding}`;
}

/** Chunk types that are understood, and whether their body is zstd-compressed. */
export const CHUNKS: Readonly<Record<string, { readonly compressed: boolean }>> = {
  SLAB: { compressed: false },
  ALPH: { compressed: false },
  tmap: { compressed: true },
  iccp: { compressed: true },
  exif: { compressed: true },
  xmpp: { compressed: true },
};

/** The most a file may ask for, checked before anything is allocated for it; 0 switches a limit off. */
export interface Limits {
  /** HR width times height, each rounded up to whole tiles. */
  readonly pixels: number;
  /** Size of the file. */
  readonly file_bytes: number;
  /** Number of chunks. */
  readonly chunks: number;
  /** Inflated size of one compressed chunk. */
  readonly metadata_bytes: number;
  /** Number of slabs. */
  readonly slabs: number;
}

export const LIMITS: Limits = {
  pixels: 2 ** 28,
  file_bytes: 2 ** 30,
  chunks: 64,
  metadata_bytes: 2 ** 23,
  slabs: 2 ** 14,
};

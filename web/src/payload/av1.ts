/** AV1 payloads: the sequence header and the boxes of an AVIF file, rebuilt from flags and a size (section 8). */

import { FormatError, TruncatedError } from "../errors.js";
import { big, joined, letters } from "../format/bytes.js";
import type { Size } from "../format/container.js";

/** Bit of the flags: chroma at half the size each way (4:2:0). */
const SUBSAMPLED = 0x80;
const MAX_SIDE = 2 ** 16;
/** seq_level_idx with the largest width, height and area of its level (AV1 bitstream specification, annex A.3). */
const LEVELS: ReadonlyArray<readonly [number, number, number, number]> = [
  [0, 2048, 1152, 147456],
  [1, 2816, 1584, 278784],
  [4, 4352, 2448, 665856],
  [5, 5504, 3096, 1065024],
  [8, 6144, 3456, 2359296],
  [12, 8192, 4352, 8912896],
  [16, 16384, 8704, 35651584],
];
const NO_LEVEL = 31;
/** Colour primaries BT.709, transfer sRGB, matrix BT.601. */
const COLOUR = [1, 13, 6] as const;
const TEMPORAL_DELIMITER = [0x12, 0x00];

/** A still picture ready for decoders. */
export interface Av1Picture {
  /** The coded picture: with 4:2:0 an odd width has a column more. */
  readonly coded: Size;
  readonly subsampled: boolean;
  readonly level: number;
  /** Temporal delimiter, sequence header and frame. */
  readonly stream: Uint8Array<ArrayBuffer>;
}

/** Rebuild the stream of a payload of a slab of this size. */
export function av1Picture(payload: Uint8Array, size: Size): Av1Picture {
  if (payload.length < 2)
    throw new TruncatedError(`av1 payload: ${payload.length} bytes long, expected flags and a frame`);
  const flags = payload[0]!;
  const subsampled = (flags & SUBSAMPLED) !== 0;
  const coded = { width: size.width + (subsampled ? size.width & 1 : 0), height: size.height };
  if (Math.max(coded.width, coded.height) > MAX_SIDE) {
    throw new FormatError(`av1 payload: ${coded.width}x${coded.height}, expected at most ${MAX_SIDE} a side`);
  }
  const fits = LEVELS.find(
    ([, width, height, area]) => coded.width <= width && coded.height <= height && coded.width * coded.height <= area,
  );
  const level = fits ? fits[0] : NO_LEVEL;
  const header = sequenceHeader(coded, flags, level);
  const frame = payload.subarray(1);
  const stream = joined(TEMPORAL_DELIMITER, [0x0a, header.length], header, [0x32, ...leb128(frame.length)], frame);
  return { coded, subsampled, level, stream };
}

/** The codec string of the picture for WebCodecs (AV1 ISO media file format binding, section 5). */
export function codecString({ subsampled, level }: Av1Picture): string {
  return `av01.${subsampled ? 0 : 1}.${String(level).padStart(2, "0")}M.08`;
}

/**
 * The picture as an AVIF file (ISO/IEC 23000-22, AV1 ISO media file format binding).
 *
 * @param icc a profile to show it by; without one it is sRGB.
 */
export function avifOf({ coded, subsampled, level, stream }: Av1Picture, icc?: Uint8Array): Uint8Array<ArrayBuffer> {
  const nclx = box("colr", letters("nclx"), big(2, ...COLOUR), [0x80]);
  const profile = icc ? [box("colr", letters("prof"), icc)] : [];
  const properties = box(
    "ipco",
    fullBox("ispe", big(4, coded.width, coded.height)),
    fullBox("pixi", [3, 8, 8, 8]),
    box("av1C", [0x81, ((subsampled ? 0 : 1) << 5) | level, subsampled ? 0x0c : 0, 0]),
    nclx,
    ...profile,
  );
  const links = icc ? [1, 2, 0x83, 4, 5] : [1, 2, 0x83, 4];
  const association = fullBox("ipma", big(4, 1), big(2, 1), [links.length, ...links]);
  const ftyp = box("ftyp", letters("avif"), big(4, 0), letters(subsampled ? "avifmif1miafMA1B" : "avifmif1miafMA1A"));
  const item = box("infe", [2, 0, 0, 0], big(2, 1, 0), letters("av01"), [0]);
  const meta = (offset: number): Uint8Array =>
    fullBox(
      "meta",
      fullBox("hdlr", [...big(4, 0), ...letters("pict"), ...Array<number>(13).fill(0)]),
      fullBox("pitm", big(2, 1)),
      fullBox("iloc", [0x44, 0, ...big(2, 1, 1, 0, 1), ...big(4, offset, stream.length)]),
      fullBox("iinf", big(2, 1), item),
      box("iprp", properties, association),
    );
  const head = ftyp.length + meta(0).length;
  return joined(ftyp, meta(head + 8), box("mdat", stream));
}

function sequenceHeader({ width, height }: Size, flags: number, level: number): Uint8Array {
  let bits = "";
  const put = (value: number, count: number): void => {
    bits += value.toString(2).padStart(count, "0");
  };
  const half = (flags & SUBSAMPLED) !== 0;
  put(half ? 0 : 1, 3); // seq_profile
  put(3, 2); // still_picture, reduced_still_picture_header
  put(level, 5);
  const lengths = [width, height].map((side) => Math.max(1, (side - 1).toString(2).length));
  for (const length of lengths) put(length - 1, 4);
  put(width - 1, lengths[0]!);
  put(height - 1, lengths[1]!);
  for (let tool = 0; tool < 6; tool++) put((flags >> tool) & 1, 1);
  put(0, half ? 2 : 1); // high_bitdepth, and mono_chrome of profile 0
  put(1, 1); // color_description_present_flag
  for (const value of COLOUR) put(value, 8);
  put(1, 1); // color_range: full
  if (half) put(0, 2); // chroma_sample_position: unknown
  put((flags >> 6) & 1, 1); // separate_uv_delta_q
  put(1, 2); // film_grain_params_present, trailing_one_bit
  return Uint8Array.from(bits.match(/.{1,8}/g)!, (byte) => parseInt(byte.padEnd(8, "0"), 2));
}

function leb128(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value & 127) | 128);
  return [...out, value];
}

type Part = Uint8Array | readonly number[];

function box(kind: string, ...parts: Part[]): Uint8Array {
  const body = joined(...parts);
  return joined(big(4, 8 + body.length), letters(kind), body);
}

function fullBox(kind: string, ...parts: Part[]): Uint8Array {
  return box(kind, [0, 0, 0, 0], ...parts);
}

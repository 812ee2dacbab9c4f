/** Bytes -> the fields of a file. Normative text: `format_spec.md`, sections 4 to 7. */

import { ChecksumError, FormatError, SignatureError, TruncatedError, UnsupportedError } from "../errors.js";
import { Cursor, check, crc32 } from "./bytes.js";
import {
  CHUNKS,
  FIRST_LOSSY,
  LIMITS,
  MAGIC,
  MAX_SIDE,
  MODEL_ID_SIZE,
  TILE,
  VERSION_MAJOR,
  type Limits,
} from "./constants.js";
import { inflate } from "./zstd.js";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle in pixels. */
export interface Box extends Size {
  readonly x: number;
  readonly y: number;
}

/** The fixed fields. */
export interface Header {
  readonly minor: number;
  readonly hasChunks: boolean;
  readonly grid: number;
  readonly coding: number;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  /** 0..99; 100 = lossless. */
  readonly quality: number;
  /** Eight bytes in hexadecimal digits. */
  readonly modelId: string;
}

/** A coded alpha channel: a payload for the HR pixels of every slab. */
export interface Alpha {
  readonly coding: number;
  readonly parts: readonly Uint8Array[];
}

/** A parsed file. */
export interface TadmFile extends Header {
  /** Of the whole file. */
  readonly bytes: number;
  /** Size of the LR. */
  readonly lr: Size;
  /** Slab size in LR pixels; that of the LR where there is one. */
  readonly slab: Size;
  /** Coded slabs, row by row. */
  readonly payloads: readonly Uint8Array[];
  readonly icc?: Uint8Array;
  readonly exif?: Uint8Array;
  readonly xmp?: Uint8Array;
  /** One byte t' a tile, t = 10 + 190 t' / 255. */
  readonly timesteps?: Uint8Array;
  readonly alpha?: Alpha;
  /** Ancillary chunks that are not known: type and body. */
  readonly unknown: ReadonlyArray<readonly [string, Uint8Array]>;
}

/**
 * Parse and check a file; every checksum is checked.
 *
 * @throws TadmError it is broken, too new, or asks for more than the limits allow.
 */
export function read(data: Uint8Array, limits: Limits = LIMITS): TadmFile {
  check(limits, "file_bytes", data.length, "file size");
  const cursor = new Cursor(data, "header");
  const header = readHeader(data, cursor, limits);
  const end = data.length - 4;
  if (cursor.at > end)
    throw new TruncatedError(`header: the file ends at byte ${data.length}, ${cursor.at + 4} needed`);
  const inside = new Cursor(data, "chunks", cursor.at, end);
  const chunks = header.hasChunks ? readChunks(inside, limits) : [];
  const lr = { width: Math.ceil(header.width / header.scale), height: Math.ceil(header.height / header.scale) };
  const index = chunks.find(([type]) => type === "SLAB")?.[1];
  const checkedTo = index === undefined ? end : inside.at;
  checkCrc(data, checkedTo);
  const slabs =
    index === undefined
      ? { slab: lr, payloads: [data.subarray(inside.at, end)] }
      : readSlabs(index, data, checkedTo + 4, lr, limits);
  return { ...header, bytes: data.length, lr, ...slabs, ...readBodies(chunks, slabs.payloads.length, limits) };
}

/** Slabs of an LR picture, row by row; those at the right and bottom are cut to it. */
export function slabBoxes(picture: Size, slab: Size): Box[] {
  const boxes: Box[] = [];
  for (let y = 0; y < picture.height; y += slab.height) {
    for (let x = 0; x < picture.width; x += slab.width) {
      const [width, height] = [Math.min(slab.width, picture.width - x), Math.min(slab.height, picture.height - y)];
      boxes.push({ x, y, width, height });
    }
  }
  return boxes;
}

/** The next multiple at or above a length. */
export function padded(length: number, multiple: number): number {
  return Math.ceil(length / multiple) * multiple;
}

function readHeader(data: Uint8Array, cursor: Cursor, limits: Limits): Header {
  if (MAGIC.some((byte, i) => data[i] !== byte)) throw new SignatureError("not a .tadm file: it begins otherwise");
  cursor.at = MAGIC.length;
  const version = cursor.u8();
  if (version >> 4 !== VERSION_MAJOR) {
    throw new UnsupportedError(`file has format ${version >> 4}.${version & 15}, this reader knows ${VERSION_MAJOR}.x`);
  }
  const packing = cursor.u8();
  const [width, height] = [cursor.varint(4), cursor.varint(4)];
  const [scale, coding] = [cursor.u8(), packing & 15];
  const quality = coding < FIRST_LOSSY ? 100 : cursor.u8();
  const id = cursor.take(MODEL_ID_SIZE);
  for (const [name, side] of [
    ["width", width],
    ["height", height],
  ] as const) {
    if (side < 1 || side > MAX_SIDE) throw new FormatError(`header: ${name} is ${side}, expected 1..${MAX_SIDE}`);
  }
  check(limits, "pixels", padded(width, TILE) * padded(height, TILE), `header: ${width}x${height} pixels`);
  if (scale < 1) throw new FormatError("header: scale is 0, expected 1..255");
  if (coding >= FIRST_LOSSY && quality > 99) throw new FormatError(`header: quality is ${quality}, expected 0..99`);
  return {
    minor: version & 15,
    hasChunks: (packing & 0x80) !== 0,
    grid: (packing >> 4) & 7,
    coding,
    width,
    height,
    scale,
    quality,
    modelId: hex(id),
  };
}

type Chunk = readonly [type: string, body: Uint8Array];

function readChunks(cursor: Cursor, limits: Limits): Chunk[] {
  const count = cursor.varint(2);
  check(limits, "chunks", count, "chunk count");
  const chunks: Chunk[] = [];
  for (let n = 0; n < count; n++) {
    const at = cursor.at;
    const type = String.fromCharCode(...cursor.take(4));
    if (!/^[A-Za-z]{4}$/.test(type)) throw new FormatError(`chunk at byte ${at}: type is not four ASCII letters`);
    const body = cursor.take(cursor.varint(5));
    const known = Object.hasOwn(CHUNKS, type);
    if (!known && type[0]! <= "Z") throw new UnsupportedError(`chunk ${type} at byte ${at}: critical and not known`);
    if (known && chunks.some(([other]) => other === type)) {
      throw new FormatError(`chunk ${type} at byte ${at}: appears twice`);
    }
    chunks.push([type, body]);
  }
  return chunks;
}

function checkCrc(data: Uint8Array, end: number): void {
  const stored = new Cursor(data, "crc32", end).u32();
  if (stored !== crc32(data.subarray(0, end))) {
    throw new ChecksumError(`crc32 at byte ${end} does not fit: the file is damaged or cut`);
  }
}

function readSlabs(body: Uint8Array, data: Uint8Array, at: number, lr: Size, limits: Limits) {
  const cursor = new Cursor(body, "chunk SLAB");
  const slab = { width: cursor.varint(4), height: cursor.varint(4) };
  if (slab.width < 1 || slab.height < 1) throw new FormatError("chunk SLAB: an empty slab, expected at least 1x1");
  const count = Math.ceil(lr.width / slab.width) * Math.ceil(lr.height / slab.height);
  check(limits, "slabs", count, "slab count");
  if (count < 2) throw new FormatError("chunk SLAB: one slab, expected at least 2");
  const payloads: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const [length, crc] = [cursor.varint(5), cursor.u32()];
    if (at + length > data.length) throw new TruncatedError(`slab ${n} at byte ${at}: the file ends inside it`);
    const payload = data.subarray(at, at + length);
    if (crc32(payload) !== crc) throw new ChecksumError(`slab ${n} at byte ${at}: its crc32 does not fit`);
    payloads.push(payload);
    at += length;
  }
  if (cursor.left > 0) throw new FormatError(`chunk SLAB: more than the ${count} slabs that the picture has`);
  if (at < data.length) throw new FormatError(`payload: ${data.length - at} bytes follow the last slab`);
  return { slab, payloads };
}

type Bodies = Pick<TadmFile, "timesteps" | "icc" | "exif" | "xmp" | "alpha" | "unknown">;

function readBodies(chunks: readonly Chunk[], slabs: number, limits: Limits): Bodies {
  const known: Record<string, Uint8Array> = {};
  for (const [type, body] of chunks) {
    const kind = CHUNKS[type];
    if (kind) known[type] = kind.compressed ? inflate(body, limits, `chunk ${type}`) : body;
  }
  return {
    ...(known.tmap && { timesteps: known.tmap }),
    ...(known.iccp && { icc: known.iccp }),
    ...(known.exif && { exif: known.exif }),
    ...(known.xmpp && { xmp: known.xmpp }),
    ...(known.ALPH && { alpha: readAlpha(known.ALPH, slabs) }),
    unknown: chunks.filter(([type]) => !Object.hasOwn(CHUNKS, type)),
  };
}

function readAlpha(body: Uint8Array, slabs: number): Alpha {
  const cursor = new Cursor(body, "chunk ALPH");
  const coding = cursor.u8();
  const parts = Array.from({ length: slabs }, () => cursor.take(cursor.varint(5)));
  if (cursor.left > 0) throw new FormatError(`chunk ALPH: ${cursor.left} bytes follow its last part`);
  return { coding, parts };
}

function hex(data: Uint8Array): string {
  return [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Metadata put into picture files that a browser has written without it. */

import { Cursor, big, crc32, joined, letters, little32 } from "../format/bytes.js";

/** What rides along: ICC profile, EXIF block (beginning with its TIFF header), XMP packet. */
export interface Carried {
  readonly icc?: Uint8Array;
  readonly exif?: Uint8Array;
  readonly xmp?: Uint8Array;
}

/** A file with its metadata, and what of that it could not hold. */
export interface Filled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly notes: readonly string[];
}

/** PNG: chunks behind IHDR (PNG specification, third edition). */
export async function filledPng(file: Uint8Array, { icc, exif, xmp }: Carried): Promise<Filled> {
  const chunk = (type: string, ...parts: Array<Uint8Array | readonly number[]>): Uint8Array => {
    const body = joined(letters(type), ...parts);
    return joined(big(4, body.length - 4), body, big(4, crc32(body)));
  };
  const parts: Uint8Array[] = [];
  const cursor = new Cursor(file, "png", 8);
  while (cursor.left > 0) {
    const start = cursor.at;
    const length = cursor.u32();
    const type = String.fromCharCode(...cursor.take(4));
    cursor.take(length + 4);
    // a profile says what these would
    if (!(icc && ["sRGB", "gAMA", "cHRM", "iCCP"].includes(type))) parts.push(file.slice(start, cursor.at));
    if (type !== "IHDR") continue;
    if (icc) parts.push(chunk("iCCP", letters("icc"), [0, 0], await deflated(icc)));
    if (exif) parts.push(chunk("eXIf", exif));
    if (xmp) parts.push(chunk("iTXt", letters("XML:com.adobe.xmp"), [0, 0, 0, 0, 0], xmp));
  }
  return { bytes: joined(file.subarray(0, 8), ...parts), notes: [] };
}

/** JPEG: segments behind SOI and JFIF (Exif 2.32, XMP part 3, ICC.1 annex B.4). */
export function filledJpeg(file: Uint8Array, { icc, exif, xmp }: Carried): Filled {
  const notes: string[] = [];
  const segments: Uint8Array[] = [];
  const segment = (marker: number, what: string, ...parts: Array<Uint8Array | readonly number[]>): void => {
    const body = joined(...parts);
    if (body.length > 65533) notes.push(`${what} left out: JPEG cannot hold it`);
    else segments.push(joined([0xff, marker], big(2, body.length + 2), body));
  };
  if (exif) segment(0xe1, "EXIF", letters("Exif\0\0"), exif);
  if (xmp) segment(0xe1, "XMP", letters("http://ns.adobe.com/xap/1.0/\0"), xmp);
  const step = 65519;
  const count = Math.ceil((icc?.length ?? 0) / step);
  if (count > 255) notes.push("ICC profile left out: JPEG cannot hold it");
  for (let n = 0; n < count && count <= 255; n++) {
    segment(0xe2, "ICC profile", letters("ICC_PROFILE\0"), [n + 1, count], icc!.subarray(n * step, (n + 1) * step));
  }
  const hasJfif = file[2] === 0xff && file[3] === 0xe0;
  const at = hasJfif ? 4 + file[4]! * 256 + file[5]! : 2;
  return { bytes: joined(file.subarray(0, at), ...segments, file.subarray(at)), notes };
}

/** WebP: the extended form (WebP container specification). */
export function filledWebp(file: Uint8Array, carried: Carried, width: number, height: number): Filled {
  const chunk = (type: string, body: Uint8Array | readonly number[]): Uint8Array =>
    joined(letters(type), little32(body.length), body, Array<number>(body.length % 2).fill(0));
  const own: Array<readonly [type: string, body: Uint8Array]> = [];
  for (let at = 12; at + 8 <= file.length;) {
    const type = String.fromCharCode(...file.subarray(at, at + 4));
    const length = new DataView(file.buffer, file.byteOffset + at + 4, 4).getUint32(0, true);
    own.push([type, file.slice(at + 8, at + 8 + length)]);
    at += 8 + length + (length % 2);
  }
  const extended = own.find(([type]) => type === "VP8X")?.[1];
  const lossless = own.find(([type]) => type === "VP8L")?.[1];
  // bit 28 of VP8L's header says whether alpha is used
  const alpha = ((extended?.[0] ?? 0) & 0x10) !== 0 || (lossless !== undefined && (lossless[4]! & 0x10) !== 0);
  const { icc, exif, xmp } = carried;
  const flags = (icc ? 0x20 : 0) | (alpha ? 0x10 : 0) | (exif ? 0x08 : 0) | (xmp ? 0x04 : 0);
  const size24 = (side: number): number[] => little32(side - 1).slice(0, 3);
  const body = joined(
    chunk("VP8X", [flags, 0, 0, 0, ...size24(width), ...size24(height)]),
    ...(icc ? [chunk("ICCP", icc)] : []),
    ...own.filter(([type]) => ["ALPH", "VP8 ", "VP8L"].includes(type)).map(([type, data]) => chunk(type, data)),
    ...(exif ? [chunk("EXIF", exif)] : []),
    ...(xmp ? [chunk("XMP ", xmp)] : []),
  );
  return { bytes: joined(letters("RIFF"), little32(4 + body.length), letters("WEBP"), body), notes: [] };
}

async function deflated(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(data)]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

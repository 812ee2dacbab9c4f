/** Payload -> pixels, by the browser's own decoders. */

import { FormatError, TadmError } from "../errors.js";
import { AV1 } from "../format/constants.js";
import type { Size } from "../format/container.js";
import { av1Picture, codecString } from "./av1.js";
import { planesOfRepeated, planesToPixels } from "./chroma.js";
import { pictureFile, type PictureFile } from "./files.js";
import { rgba, type Rgba } from "./rgba.js";

/** How this browser gives colour that is stored at half the size: right, as planes, or only repeated. */
type Way = "smooth" | "planes" | "repeated";

/** A decoder that says nothing for so long has lost the picture. */
const PATIENCE_MS = 20_000;

/**
 * An 8 x 8 AV1 payload with colour at half the size, and the R, G, B that the Python package decodes it to. Browsers
 * differ in how they enlarge colour: each is asked once, with this picture.
 */
const PROBE = {
  size: { width: 8, height: 8 },
  payload: "thrHh4XhwAAoJVAgxbJ9BQ8bWNQSGbo=",
  pixels:
    "ipJgipFohId0fn6AfnuQfniafnegfXaihYlwh4p1hIZ5goN+gYCFgX+KgX+MgX+NfnqVgH2OhISEiIt6iIxxiI5qiI9miI9le3OkfHaYhISGjJB5" +
    "jJNnjJZbjJdTjJhQeXSceniQg4R/io9xipJji5VajZZVjZdSeXWYeniNgoN9iI1vipJjipRZi5RTjJZReXWYeniOgYJ9h4twiJBhiZNYipNSi5VQ" +
    "eXWYeniOgIF8hopxiI9jiJJXipNSipRP",
};

/**
 * Pixels of a slab, RGBA; lossless payloads exactly, AV1 within a grey level of other decoders where the browser enlarges
 * colour itself or hands out its planes.
 *
 * @throws FormatError the payload is broken or holds a picture of another size.
 * @throws UnsupportedError this browser cannot decode it.
 */
export async function decodePixels(coding: number, payload: Uint8Array, size: Size): Promise<Rgba> {
  const file = pictureFile(coding, payload, size);
  const way = coding === AV1 && file.subsampled ? await wayOfThisBrowser() : "smooth";
  try {
    return await decodedBy(way, file, payload, size);
  } catch (error) {
    if (error instanceof TadmError) throw error;
    throw new FormatError(`${file.type} payload: ${payload.length} bytes do not decode (${(error as Error).message})`);
  }
}

async function decodedBy(way: Way, file: PictureFile, payload: Uint8Array, size: Size): Promise<Rgba> {
  if (way === "planes") return cropped(await planesOf(payload, size), file.coded, size);
  const pixels = await bitmapPixels(file);
  const { width, height } = file.coded;
  const right = way === "repeated" ? planesToPixels(planesOfRepeated(pixels, width, height)) : pixels;
  return cropped(right, file.coded, size);
}

let found: Promise<Way> | undefined;

function wayOfThisBrowser(): Promise<Way> {
  found ??= findWay();
  return found;
}

async function findWay(): Promise<Way> {
  const [payload, want] = [bytesOf(PROBE.payload), bytesOf(PROBE.pixels)];
  const file = pictureFile(AV1, payload, PROBE.size);
  for (const way of ["smooth", "planes"] as const) {
    try {
      const got = await decodedBy(way, file, payload, PROBE.size);
      if (want.every((value, i) => Math.abs(value - got[4 * Math.floor(i / 3) + (i % 3)]!) <= 2)) return way;
    } catch {
      // not this way; a browser without AV1 fails at the picture itself
    }
  }
  return "repeated";
}

async function bitmapPixels(file: PictureFile): Promise<Rgba> {
  const blob = new Blob([file.bytes], { type: file.type });
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" } as const;
  const bitmap = await patient(createImageBitmap(blob, options));
  try {
    const { width, height } = bitmap;
    if (width !== file.coded.width || height !== file.coded.height) {
      throw new FormatError(
        `${file.type} payload: ${width}x${height}, expected ${file.coded.width}x${file.coded.height}`,
      );
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no canvas of that size");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height).data;
  } finally {
    bitmap.close();
  }
}

/** Y, U and V by WebCodecs, enlarged here. */
async function planesOf(payload: Uint8Array, size: Size): Promise<Rgba> {
  const picture = av1Picture(payload, size);
  const { width, height } = picture.coded;
  let decoder: VideoDecoder | undefined;
  const decoding = new Promise<VideoFrame>((resolve, reject) => {
    decoder = new VideoDecoder({ output: resolve, error: reject });
    decoder.configure({ codec: codecString(picture), codedWidth: width, codedHeight: height });
    decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data: picture.stream }));
    decoder.flush().then(() => reject(new Error("no picture in it")), reject);
  });
  let frame: VideoFrame | undefined;
  try {
    frame = await patient(decoding);
    const { format, visibleRect } = frame;
    const half = format === "I420";
    if (!half && format !== "I444") throw new Error(`the browser gives ${format}`);
    if (visibleRect?.width !== width || visibleRect.height !== height) {
      throw new FormatError(`av1 payload: ${visibleRect?.width}x${visibleRect?.height}, expected ${width}x${height}`);
    }
    const data = new Uint8Array(frame.allocationSize());
    const layout = await frame.copyTo(data);
    return planesToPixels({ width, height, data, layout, subsampled: half });
  } finally {
    frame?.close();
    if (decoder && decoder.state !== "closed") decoder.close();
  }
}

function cropped(pixels: Rgba, from: Size, to: Size): Rgba {
  if (from.width === to.width) return pixels;
  const out = rgba(to.width, to.height);
  for (let y = 0; y < to.height; y++) {
    out.set(pixels.subarray(4 * y * from.width, 4 * (y * from.width + to.width)), 4 * y * to.width);
  }
  return out;
}

async function patient<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the browser's decoder does not answer")), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

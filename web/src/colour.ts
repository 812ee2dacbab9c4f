/** Pictures by their ICC profile: the browser converts them, from a PNG that carries it. */

import { filledPng } from "./saving/files.js";

/**
 * A picture as a screen is to show it.
 *
 * @param icc the profile of its numbers; without one they are sRGB.
 */
export async function shown(picture: ImageData, icc?: Uint8Array): Promise<ImageBitmap> {
  if (!icc) return createImageBitmap(picture);
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")!.putImageData(picture, 0, 0);
  const plain = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  const { bytes } = await filledPng(plain, { icc });
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

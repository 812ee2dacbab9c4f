/** Which file an `<img>` shows, and how it is given another picture without anything around it moving. */

/** Whether an address is that of a .tadm file. */
export function isTadm(address: string): boolean {
  try {
    return new URL(address, document.baseURI).pathname.toLowerCase().endsWith(".tadm");
  } catch {
    return false;
  }
}

/** The .tadm file that an image is to show: what its `srcset` or `picture` came to, or its `src`. */
export function fileOf(image: HTMLImageElement): string | undefined {
  const chosen = image.currentSrc || image.src;
  if (isTadm(chosen)) return new URL(chosen, document.baseURI).href;
  // a lazy image has not chosen yet
  const waiting = image.loading === "lazy" && !image.complete;
  return waiting && isTadm(image.src) ? image.src : undefined;
}

/**
 * Show a picture in an image's place.
 *
 * @param size that the image has where its author gave none: without it the small picture would take less room.
 */
export async function put(
  image: HTMLImageElement,
  picture: Blob,
  size: { width: number; height: number },
): Promise<void> {
  const address = URL.createObjectURL(picture);
  try {
    const next = new Image();
    next.src = address;
    await next.decode(); // so that it is there when it is shown
    if (!image.hasAttribute("width") && !image.hasAttribute("height")) {
      image.width = size.width;
      image.height = size.height;
    }
    silence(image);
    const shown = new Promise<void>((resolve) => {
      for (const event of ["load", "error"]) image.addEventListener(event, () => resolve(), { once: true });
    });
    image.src = address;
    await shown;
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Let nothing but `src` decide: what was there is kept in `data-srcset`. */
function silence(image: HTMLImageElement): void {
  const parent = image.parentElement;
  const sources = parent instanceof HTMLPictureElement ? [...parent.querySelectorAll("source")] : [];
  for (const element of [image, ...sources]) {
    if (!element.hasAttribute("srcset")) continue;
    element.dataset["srcset"] = element.srcset;
    element.removeAttribute("srcset");
  }
}

/**
 * tadm-img: `<img src="photo.tadm">` works. One script of a page does it:
 *
 *     <script type="module" src="tadm-img.js"></script>
 *
 * The stored picture is shown as soon as the file is there, the photograph when it is rebuilt, which begins when the image
 * comes near the view. Attributes of an image: `data-tadm="off"` leaves it alone, `data-tadm="lr"` stops at the stored
 * picture, `data-realism="0.5"` sets the dial. Events: `tadm-lr`, `tadm-done`, `tadm-error` (its `detail` is the error).
 */

import { open, type Tadm } from "../index.js";
import { fileOf, put } from "./sources.js";

/** How near the view an image has to be before work is done for it. */
const NEAR = "300px";

/** What is being done for an image. */
interface Work {
  readonly address: string;
  readonly control: AbortController;
  near: boolean;
  file?: Tadm;
  rebuilding?: AbortController;
}

const works = new WeakMap<HTMLImageElement, Work>();

const watching = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) moved(target as HTMLImageElement, isIntersecting);
  },
  { rootMargin: NEAR },
);

/** Take an image in hand if it shows a .tadm file. */
function take(image: HTMLImageElement): void {
  if (image.dataset["tadm"] === "off") return;
  const address = fileOf(image);
  const known = works.get(image);
  // what stands there now may be what was put there for the file
  if (address === undefined ? image.src.startsWith("blob:") : known?.address === address) return;
  known?.control.abort();
  known?.file?.close();
  works.delete(image);
  watching.unobserve(image);
  if (address === undefined) return;
  const work: Work = { address, control: new AbortController(), near: false };
  works.set(image, work);
  watching.observe(image);
  if (image.loading !== "lazy") void showStored(image, work);
}

function moved(image: HTMLImageElement, near: boolean): void {
  const work = works.get(image);
  if (!work) return;
  work.near = near;
  if (!near)
    work.rebuilding?.abort(); // others are being looked at
  else if (work.file) void rebuild(image, work);
  else if (image.loading === "lazy") void showStored(image, work);
}

async function showStored(image: HTMLImageElement, work: Work): Promise<void> {
  const { signal } = work.control;
  try {
    const file = await open(work.address, { signal });
    const bitmap = await file.thumbnail();
    signal.throwIfAborted();
    await put(image, await written(bitmap), file.info);
    bitmap.close();
    signal.throwIfAborted();
    work.file = file;
    image.dispatchEvent(new CustomEvent("tadm-lr"));
    if (work.near) await rebuild(image, work);
  } catch (error) {
    say(image, error);
  }
}

async function rebuild(image: HTMLImageElement, work: Work): Promise<void> {
  const { file } = work;
  if (!file || work.rebuilding || image.dataset["tadm"] === "lr") return;
  const control = new AbortController();
  work.rebuilding = control;
  work.control.signal.addEventListener("abort", () => control.abort());
  const given = Number(image.dataset["realism"] ?? NaN);
  try {
    const realism = given >= 0 && given <= 1 ? { realism: given } : {};
    const picture = await file.decode({ ...realism, signal: control.signal });
    await put(image, await written(await file.shown(picture)), file.info);
    work.control.signal.throwIfAborted();
    watching.unobserve(image);
    file.close();
    image.dispatchEvent(new CustomEvent("tadm-done"));
  } catch (error) {
    delete work.rebuilding; // given up: it may come near again
    say(image, error);
  }
}

function say(image: HTMLImageElement, error: unknown): void {
  if ((error as Error).name === "AbortError") return;
  watching.unobserve(image);
  image.dispatchEvent(new CustomEvent("tadm-error", { detail: error }));
}

async function written(bitmap: ImageBitmap): Promise<Blob> {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
  return canvas.convertToBlob();
}

function takeAll(root: ParentNode): void {
  for (const image of root.querySelectorAll("img")) take(image);
}

new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes) {
    if (type === "attributes") {
      const image = target instanceof HTMLImageElement ? target : target.parentElement?.querySelector("img");
      if (image) take(image);
    }
    for (const node of addedNodes) {
      if (node instanceof HTMLImageElement) take(node);
      else if (node instanceof Element) takeAll(node);
    }
  }
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["src", "srcset"] });

// an image that chooses late, or again, fails to load: then it is known what it chose
document.addEventListener("error", ({ target }) => target instanceof HTMLImageElement && take(target), true);

takeAll(document);

/** The page: a file is opened, shown at once as its LR, and rebuilt where one looks. */

import { open, save, type Box, type SavedType, type Tadm } from "../index.js";
import { facts } from "./facts.js";
import { Session } from "./session.js";
import { View } from "./view.js";

type Original = ImageBitmap | undefined;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

const realism = element<HTMLInputElement>("realism");
const compare = element<HTMLSelectElement>("compare");
const map = element<HTMLSelectElement>("map");
const anyModel = element<HTMLInputElement>("any-model");
const divider = element("divider");
const stage = element("stage");
const status = element("status");
const progress = element<HTMLProgressElement>("progress");

/** Above so many pixels in view, nothing is rebuilt where the LR is as fine as the screen. */
const ALWAYS_PIXELS = 2 ** 22;
/** Pictures that are saved from a page; larger ones are for the command line. */
const SAVED_PIXELS = 2 ** 26;

let session: Session | undefined;
let lr: ImageBitmap | undefined;
let original: Original;
let split = 0.5;
let name = "";

const view = new View(element("viewer"), element<HTMLCanvasElement>("overlay"), paint, look);

/** Draw what there is: the LR below, what has been rebuilt over it, then what it is compared with, and maps. */
function paint(context: CanvasRenderingContext2D, visible: Box): void {
  if (!session || !lr) return;
  const { width, height, scale } = session.file.info;
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height); // the LR runs over the edge where a side is no multiple of the scale
  context.clip();
  context.drawImage(lr, 0, 0, lr.width * scale, lr.height * scale);
  const at = splitAt(context);
  const other = compare.value === "original" ? original : undefined;
  if (other) context.drawImage(other, 0, 0, width, height);
  context.beginPath();
  context.rect(at, 0, width - at, height);
  context.clip();
  if (other) context.drawImage(lr, 0, 0, lr.width * scale, lr.height * scale);
  for (const { box, bitmap } of session.cells.within(visible)) context.drawImage(bitmap, box.x, box.y);
  if (map.value === "timesteps") paintTimesteps(context);
  if (map.value === "invented" && session.invented) {
    const { box, bitmap } = session.invented;
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.fillRect(box.x, box.y, box.width, box.height);
    context.drawImage(bitmap, box.x, box.y);
  }
  context.restore();
}

/** Where the divider is, in HR pixels from the left. */
function splitAt(context: CanvasRenderingContext2D): number {
  if (compare.value === "none") return 0;
  const { a, e } = context.getTransform();
  return Math.max(0, (split * context.canvas.width - e) / a);
}

function paintTimesteps(context: CanvasRenderingContext2D): void {
  const { columns, values } = session!.timesteps;
  values.forEach((t, i) => {
    if (Number.isNaN(t)) return;
    const part = (t - 10) / 190;
    context.fillStyle = `hsl(${230 - 230 * part} 90% 55% / 55%)`;
    context.fillRect((i % columns) * 64, Math.floor(i / columns) * 64, 64, 64);
  });
}

/** The picture has come to rest, or something is wanted otherwise: rebuild what is seen. */
function look(): void {
  const visible = view.visible();
  if (!session || !visible) return;
  const enough = visible.width * visible.height > ALWAYS_PIXELS && view.scale * session.file.info.scale <= 1;
  session.want({
    realism: Number(realism.value),
    anyModel: anyModel.checked,
    area: enough ? undefined : visible,
    invented: map.value === "invented",
  });
  if (enough) say("The stored picture is as fine as the screen; zoom in to rebuild.");
  else if (session.cells.missing(visible, Number(realism.value))) say("Rebuilding what is seen…");
  view.refresh();
}

/** Show a file: from a drop, an input, or an address. */
async function show(source: Blob | string, called: string): Promise<void> {
  say(`Opening ${called}…`);
  try {
    const file = await open(source);
    const small = await file.thumbnail();
    close();
    [lr, name] = [small, called];
    session = new Session(file, {
      changed: () => {
        shown();
        view.refresh();
      },
      progress: showProgress,
      failed,
    });
    begin(file);
  } catch (error) {
    failed(error as Error);
  }
}

function close(): void {
  session?.close();
  lr?.close();
  original?.close();
  [session, lr, original] = [undefined, undefined, undefined];
  if (compare.value === "original") compare.value = "none";
}

function begin(file: Tadm): void {
  element("welcome").hidden = true;
  element("panel").hidden = false;
  element("stand-in").hidden = true;
  anyModel.checked = false;
  element("name").textContent = name;
  document.title = `${name} – tadm viewer`;
  element("facts").replaceChildren(...facts(file.info));
  showDivider();
  view.open(file.info);
  say("Rebuilding what is seen…");
}

/** Say what is seen now. */
function shown(): void {
  const visible = view.visible();
  const { making } = session!;
  if (!making || !visible) return;
  const all = !session!.cells.missing(visible, Number(realism.value));
  if (!all) return;
  const drawn = making.generated ? "texture is drawn by a network" : "nothing is invented";
  say(`Rebuilt at realism ${making.realism} by ${making.modelName}: ${drawn}.`);
  element("facts").replaceChildren(...facts(session!.file.info, making));
}

function say(text: string): void {
  status.classList.remove("error");
  status.textContent = text;
}

function failed(error: Error): void {
  status.classList.add("error");
  status.textContent = error.message;
  element("stand-in").hidden = (error as { kind?: string }).kind !== "model" || !session;
}

function showProgress(part: number | undefined): void {
  progress.hidden = part === undefined;
  if (part === 0) progress.removeAttribute("value");
  else progress.value = part ?? 1;
}

function showDivider(): void {
  divider.hidden = compare.value === "none" || !session;
  divider.style.left = `${100 * split}%`;
  divider.setAttribute("aria-valuenow", String(Math.round(100 * split)));
  view.refresh();
}

function moveDivider(to: number): void {
  split = Math.min(1, Math.max(0, to));
  showDivider();
}

divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
divider.addEventListener("pointermove", (event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const { left, width } = stage.getBoundingClientRect();
  moveDivider((event.clientX - left) / width);
});
divider.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  moveDivider(split + step);
});

realism.addEventListener("input", () => {
  element("realism-shown").textContent = realism.value;
  look();
});
map.addEventListener("change", look);
anyModel.addEventListener("change", look);
compare.addEventListener("change", () => {
  if (compare.value === "original" && !original) element<HTMLInputElement>("original").click();
  showDivider();
});
element<HTMLInputElement>("original").addEventListener("change", (event) => {
  const [file] = (event.target as HTMLInputElement).files ?? [];
  if (file) void takeOriginal(file);
});
element<HTMLInputElement>("file").addEventListener("change", (event) => {
  const [file] = (event.target as HTMLInputElement).files ?? [];
  if (file) void show(file, file.name);
});
element<HTMLSelectElement>("examples").addEventListener("change", (event) => {
  const { value } = event.target as HTMLSelectElement;
  if (value) void show(new URL(value, location.href).href, value.replace(/.*\//, ""));
});
element("save").addEventListener("click", () => void saveWhole());
element("panel").addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("dropping");
});
document.addEventListener("dragleave", () => stage.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("dropping");
  const [file] = event.dataTransfer?.files ?? [];
  if (!file) return;
  if (session && file.type.startsWith("image/")) void takeOriginal(file);
  else void show(file, file.name);
});

async function takeOriginal(file: Blob): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file);
    original?.close();
    original = bitmap;
    compare.value = "original";
    showDivider();
  } catch {
    failed(new Error("the original is no picture that this browser shows"));
  }
}

/** The whole picture, rebuilt as the dial stands, into a file that says how it was made. */
async function saveWhole(): Promise<void> {
  if (!session) return;
  const { file } = session;
  const type = element<HTMLSelectElement>("format").value as SavedType;
  const { width, height } = file.info;
  try {
    if (width * height > SAVED_PIXELS) throw new Error("too large to save from a page: use tadmc decode");
    const made = await file.rebuild({
      realism: Number(realism.value),
      anyModel: anyModel.checked,
      onProgress: (done, total) => showProgress(done / total),
    });
    const { blob, notes } = await save(made, file.file, type);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download =
      name.replace(/\.tadm$/, "") + { "image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp" }[type];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say([`Saved ${link.download}.`, ...notes].join(" "));
  } catch (error) {
    failed(error as Error);
  } finally {
    showProgress(undefined);
  }
}

/** Files that the address names, which `tadmc view` makes: the first is shown, others are in the list. */
function named(): void {
  const files = new URLSearchParams(location.search).getAll("file");
  const list = element<HTMLSelectElement>("examples");
  if (files.length === 0) return;
  list.options[0]!.text = "Files";
  const options = files.map((file) => new Option(decodeURIComponent(file.replace(/.*\//, "")), file));
  list.replaceChildren(list.options[0]!, ...options);
  list.value = files[0]!;
  list.dispatchEvent(new Event("change"));
}

/** Be there without a network, too. Not where `tadmc view` serves the page: its addresses are never used again. */
async function keep(): Promise<void> {
  if (!("serviceWorker" in navigator) || location.hostname === "127.0.0.1") return;
  await navigator.serviceWorker.register("sw.js");
  const { active } = await navigator.serviceWorker.ready;
  const parts = ["./", "index.html", "tadm-worker.js", "tadm-helper.js", "models/manifest.json"];
  const loaded = performance.getEntriesByType("resource").map(({ name: address }) => address);
  const all = [...parts.map((part) => new URL(part, location.href).href), ...loaded];
  active?.postMessage(all.filter((address) => new URL(address).origin === location.origin));
}

named();
keep().catch(() => undefined); // a browser that keeps nothing for this page still shows it

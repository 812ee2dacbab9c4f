/** The page's side of the worker. */

import { errorFrom } from "../errors.js";
import type { Limits } from "../format/constants.js";
import type { Making, RebuildRequest, Reply, Request } from "./messages.js";
import type { Grid } from "./conditioning.js";
import { moduleWorker } from "../workers.js";
import workerAddress from "../worker.ts?worker&url";

/** Where things are, and how much of the machine to take. */
export interface Settings {
  /** Address of the folder with `manifest.json`; by default `models/` beside this library. */
  readonly models: string;
  /** Threads to take where the page is cross-origin isolated; others have one, and Firefox has. */
  readonly threads: number;
}

/** What the worker answers to a job. */
export interface Answer {
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly timesteps: Grid;
  readonly making: Making;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * In Firefox 153, on a machine whose processors others were using, one of some hundreds of pictures never came, or came out
 * wrong, with threads; never in Chromium, and never on one thread. Until that is understood it has one.
 */
const THREADS_FAIL = /\bFirefox\//.test(globalThis.navigator?.userAgent ?? "");
const here = import.meta.url;
let settings: Settings = {
  models: new URL("models/", here).href,
  threads: Math.min(8, globalThis.navigator?.hardwareConcurrency ?? 1),
};

/** Choose where models and runtime are, before anything is rebuilt. */
export function configure(changes: Partial<Settings>): void {
  settings = { ...settings, ...changes };
}

let worker: Worker | undefined;
let numbers = 0;
const waiting = new Map<number, Waiting>();
/** Files that the worker holds; a file whose last reference is gone is let go of. */
const forgotten = new FinalizationRegistry<number>((file) =>
  worker?.postMessage({ kind: "close", file } satisfies Request),
);

/** Make a file known to the worker. */
export function openInWorker(owner: object, data: Uint8Array, limits: Limits): number {
  const file = ++numbers;
  send({ kind: "open", file, data, limits });
  forgotten.register(owner, file, owner);
  return file;
}

/** Let the worker forget a file. */
export function closeInWorker(owner: object, file: number): void {
  forgotten.unregister(owner);
  send({ kind: "close", file });
}

/** Rebuild a region of a file. */
export function rebuildInWorker(
  file: number,
  request: RebuildRequest & { readonly any: boolean },
  onProgress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  const job = ++numbers;
  return new Promise<Answer>((resolve, reject) => {
    signal?.throwIfAborted();
    const give = (): void => {
      send({ kind: "abort", job });
      waiting.delete(job);
      reject(signal!.reason as Error);
    };
    signal?.addEventListener("abort", give, { once: true });
    const done =
      <T>(then: (value: T) => void) =>
      (value: T) => {
        signal?.removeEventListener("abort", give);
        then(value);
      };
    waiting.set(job, { resolve: done(resolve), reject: done(reject), onProgress });
    send({ kind: "rebuild", job, file, ...request });
  });
}

function send(request: Request): void {
  worker ??= startWorker();
  worker.postMessage(request);
}

function startWorker(): Worker {
  const address = new URL(workerAddress, here).href;
  const made = moduleWorker(address, "tadm");
  made.onmessage = ({ data }: MessageEvent<Reply>) => receive(data);
  made.onerror = (event) => {
    event.preventDefault();
    failAll(new Error(`the decoding worker has ended (${event.message || address})`));
    worker = undefined;
  };
  const threads = globalThis.crossOriginIsolated && !THREADS_FAIL ? settings.threads : 1;
  made.postMessage({ kind: "start", models: settings.models, threads } satisfies Request);
  return made;
}

function receive(reply: Reply): void {
  const job = waiting.get(reply.job);
  if (!job) return; // given up in the meantime
  if (reply.kind === "progress") {
    job.onProgress(reply.done, reply.total);
    return;
  }
  waiting.delete(reply.job);
  if (reply.kind === "error") job.reject(errorFrom(reply.error));
  else job.resolve({ pixels: new Uint8ClampedArray(reply.pixels), timesteps: reply.timesteps, making: reply.making });
}

function failAll(error: Error): void {
  for (const job of waiting.values()) job.reject(error);
  waiting.clear();
}

/** The worker: one job after another, so that memory is that of one; between graphs it hears of those given up. */

import { errorData } from "./errors.js";
import { read, type TadmFile } from "./format/container.js";
import type { Reply, Request } from "./decode/messages.js";
import { Models } from "./decode/manifest.js";
import { Rebuilder, checkRebuildable } from "./decode/rebuild.js";
import { Sessions } from "./decode/sessions.js";

type Job = Extract<Request, { kind: "rebuild" }>;

interface Loaded {
  readonly models: Models;
  readonly sessions: Sessions;
}

const scope = globalThis as unknown as DedicatedWorkerGlobalScope;
const files = new Map<number, TadmFile>();
const rebuilders = new Map<string, { readonly file: number; readonly rebuilder: Rebuilder }>();
const abandoned = new Set<number>();
const waiting = new Set<number>();
let places: Extract<Request, { kind: "start" }> | undefined;
let loading: Promise<Loaded> | undefined;
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }: MessageEvent<Request>) => {
  switch (data.kind) {
    case "start":
      places = data;
      break;
    case "open":
      files.set(data.file, read(data.data, data.limits));
      break;
    case "close":
      files.delete(data.file);
      for (const [key, { file }] of rebuilders) if (file === data.file) rebuilders.delete(key);
      break;
    case "rebuild":
      waiting.add(data.job);
      last = last.then(() => answer(data));
      break;
    case "abort":
      if (waiting.has(data.job)) abandoned.add(data.job);
      break;
  }
};

async function answer(job: Job): Promise<void> {
  try {
    const { reply, transfer } = await rebuilt(job);
    scope.postMessage(reply, transfer);
  } catch (error) {
    scope.postMessage({ kind: "error", job: job.job, error: errorData(error) } satisfies Reply);
  } finally {
    abandoned.delete(job.job);
    waiting.delete(job.job);
  }
}

async function rebuilt(job: Job): Promise<{ reply: Reply; transfer: Transferable[] }> {
  check(job.job);
  const file = files.get(job.file);
  if (!file) throw new DOMException("the file has been closed", "AbortError");
  checkRebuildable(file);
  const { models, sessions } = await load();
  const { id, model } = models.find(file.modelId, file.scale, job.any);
  const key = `${job.file}/${id}`;
  const known = rebuilders.get(key)?.rebuilder;
  const rebuilder =
    known ?? new Rebuilder(file, model, (role, inputs, stop) => sessions.run(model.graphs[role]!, inputs, stop));
  rebuilders.set(key, { file: job.file, rebuilder });
  const realism = job.realism ?? model.realism;
  const made = await rebuilder.rebuild(
    { ...job, realism },
    {
      onProgress: (done, total) => {
        scope.postMessage({ kind: "progress", job: job.job, done, total } satisfies Reply);
      },
      check: () => check(job.job),
    },
  );
  const generated = model.generates && job.denoise && realism !== 0;
  const making = { generated, realism, model: id, modelName: model.name };
  const pixels = made.pixels.buffer;
  return { reply: { kind: "done", job: job.job, pixels, timesteps: made.timesteps, making }, transfer: [pixels] };
}

function check(job: number): void {
  if (abandoned.has(job)) throw new DOMException("nobody waits for this any more", "AbortError");
}

function load(): Promise<Loaded> {
  loading ??= loadFrom(places!);
  loading.catch(() => (loading = undefined)); // a network that was away is asked again
  return loading;
}

async function loadFrom({ models, threads }: Extract<Request, { kind: "start" }>): Promise<Loaded> {
  const found = await Models.at(models);
  return { models: found, sessions: new Sessions(found, threads) };
}

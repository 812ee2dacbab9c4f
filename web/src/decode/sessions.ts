/** The graphs of a model folder, each loaded when it is first run. */

import { UnsupportedError } from "../errors.js";
import { Graph, type Machine, type Planes } from "../network/graph.js";
import { oneThread } from "../network/kernels.js";
import { manyThreads } from "../network/threads.js";
import { moduleWorker } from "../workers.js";
import helperAddress from "../helper.ts?worker&url";
import { KernelMemory } from "../network/memory.js";
import type { Models } from "./manifest.js";

/** Milliseconds of work after which messages are let in. */
const BREATH_MS = 40;

export class Sessions {
  private readonly loaded = new Map<string, Promise<Graph>>();
  private machine: Promise<Machine> | undefined;
  private lastBreath = 0;

  /** @param threads to run convolutions on. */
  constructor(
    private readonly models: Models,
    private readonly threads: number,
  ) {}

  /**
   * Run a graph.
   *
   * @param check throws where nobody waits for the result any more.
   * @throws ModelError it cannot be loaded, or memory is too small for these inputs.
   * @throws UnsupportedError this browser has no WebAssembly with SIMD.
   */
  async run(name: string, inputs: Readonly<Record<string, Planes>>, check: () => void): Promise<Planes> {
    const graph = await this.graph(name);
    return graph.run(inputs, async () => {
      if (performance.now() - this.lastBreath > BREATH_MS) {
        // kernels run without a pause: messages come in only where one is made
        await new Promise((resolve) => setTimeout(resolve));
        this.lastBreath = performance.now();
      }
      check();
    });
  }

  private graph(name: string): Promise<Graph> {
    const known = this.loaded.get(name);
    if (known) return known;
    this.machine ??= startMachine(this.threads);
    const loading = Promise.all([this.models.graph(name), this.machine]).then(
      ([model, machine]) => new Graph(model, machine),
    );
    this.loaded.set(name, loading);
    loading.catch(() => this.loaded.delete(name)); // so that a network that was away is asked again
    return loading;
  }
}

async function startMachine(threads: number): Promise<Machine> {
  try {
    const { kernels, memory } = threads > 1 ? await withHelpers(threads - 1) : await oneThread();
    return { kernels, memory: new KernelMemory(memory) };
  } catch (error) {
    throw new UnsupportedError(`this browser does not run WebAssembly with SIMD (${(error as Error).message})`);
  }
}

/** Kernels on several threads, or on one where a browser does not let a worker have workers. */
async function withHelpers(count: number): ReturnType<typeof oneThread> {
  try {
    const address = new URL(helperAddress, import.meta.url).href;
    return await manyThreads(Array.from({ length: count }, () => moduleWorker(address, "tadm helper")));
  } catch {
    return oneThread();
  }
}

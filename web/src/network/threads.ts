/**
 * Convolutions on several threads: helpers sleep until there is one, then all take rows of it until none are left. What
 * they share beside the kernels' memory is a few numbers, laid out as `AT` says.
 */

import { ModelError } from "../errors.js";
import { SHARED } from "./kernels.generated.js";
import { instantiate, type Kernels } from "./kernels.js";

/** Places in the numbers that threads share. */
const AT = { round: 0, nextRow: 1, busy: 2, rows: 3, step: 4, slope: 5, from: 6 } as const;
const NUMBERS = 32;
/** Multiplications below which waking others costs more than it saves. */
const WORTHWHILE = 2 ** 20;
/** Pages of 64 KiB: all that 32-bit addresses reach, or what a small machine may grant. */
const MOST_PAGES = [65536, 32768, 8192];
/** A helper that is not there by then is not waited for. */
const PATIENCE_MS = 4000;

type ConvArguments = Parameters<Kernels["conv"]>;
/** Of the arguments of `conv`: the first and the last row, and the slope, which is no whole number. */
const [TOP, BOTTOM, SLOPE] = [9, 10, 15];

/** A helper that has been silent for so long in the middle of its work is lost. */
const LOST_MS = 60_000;
/** What a helper is told when it is waited for. */
export const GO = "go";

/** What a helper is told at its start. */
export interface Start {
  readonly memory: WebAssembly.Memory;
  readonly shared: SharedArrayBuffer;
}

/** Kernels and a memory that several threads share. */
export async function manyThreads(
  helpers: readonly Worker[],
): Promise<{ kernels: Kernels; memory: WebAssembly.Memory }> {
  const memory = sharedMemory();
  const shared = new SharedArrayBuffer(4 * NUMBERS);
  const kernels = await instantiate(SHARED, memory);
  const ready = await Promise.all(helpers.map((helper) => started(helper, { memory, shared })));
  // one that comes late must not take part: nobody would wait for it
  helpers.forEach((helper, n) => (ready[n] ? helper.postMessage(GO) : helper.terminate()));
  const count = ready.filter(Boolean).length;
  const numbers = new Int32Array(shared);
  const conv = (...all: ConvArguments): void => {
    const [inputs, outputs, k, columns] = [all[5], all[6], all[7], all[8]];
    const rows = all[BOTTOM]! - all[TOP]!;
    if (count === 0 || inputs * outputs * k * k * columns * rows < WORTHWHILE) {
      kernels.conv(...all);
      return;
    }
    new Float32Array(shared)[AT.slope] = all[SLOPE]!;
    numbers.set(all.slice(0, SLOPE), AT.from);
    numbers[AT.rows] = rows;
    numbers[AT.step] = Math.max(1, Math.ceil(rows / (4 * (count + 1))));
    numbers[AT.nextRow] = 0;
    Atomics.store(numbers, AT.busy, count);
    Atomics.add(numbers, AT.round, 1);
    Atomics.notify(numbers, AT.round);
    takeRows(kernels, numbers, new Float32Array(shared));
    for (let busy = Atomics.load(numbers, AT.busy); busy > 0; busy = Atomics.load(numbers, AT.busy)) {
      if (Atomics.wait(numbers, AT.busy, busy, LOST_MS) === "timed-out") throw new ModelError("a thread has ended");
    }
  };
  return { kernels: { ...kernels, conv }, memory };
}

/** Get a helper ready; what comes back is its life, which begins when it is told to go. */
export async function helper({ memory, shared }: Start): Promise<() => never> {
  const kernels = await instantiate(SHARED, memory);
  const numbers = new Int32Array(shared);
  return () => work(kernels, numbers);
}

function work(kernels: Kernels, numbers: Int32Array): never {
  const floats = new Float32Array(numbers.buffer);
  // rounds may have begun before this one was told to go, which are waiting for it
  for (let round = 0; ;) {
    // not for ever: a browser that closes the page gets a word in
    if (Atomics.wait(numbers, AT.round, round, 1000) === "timed-out") continue;
    round = Atomics.load(numbers, AT.round);
    takeRows(kernels, numbers, floats);
    Atomics.sub(numbers, AT.busy, 1);
    Atomics.notify(numbers, AT.busy);
  }
}

function takeRows(kernels: Kernels, numbers: Int32Array, floats: Float32Array): void {
  const all = [...numbers.subarray(AT.from, AT.from + SLOPE), floats[AT.slope]!] as unknown as ConvArguments;
  const [rows, step, top] = [numbers[AT.rows]!, numbers[AT.step]!, all[TOP]!];
  for (let row = Atomics.add(numbers, AT.nextRow, step); row < rows; row = Atomics.add(numbers, AT.nextRow, step)) {
    all[TOP] = top + row;
    all[BOTTOM] = top + Math.min(rows, row + step);
    kernels.conv(...all);
  }
}

function sharedMemory(): WebAssembly.Memory {
  for (const maximum of MOST_PAGES) {
    try {
      return new WebAssembly.Memory({ initial: 16, maximum, shared: true });
    } catch {
      // a smaller one may be had
    }
  }
  throw new RangeError("no memory that threads can share");
}

/** Whether a helper is there. */
function started(helper: Worker, start: Start): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS);
    const answer = (there: boolean) => (): void => {
      clearTimeout(timer);
      resolve(there);
    };
    helper.onmessage = answer(true);
    helper.onerror = answer(false);
    helper.postMessage(start);
  });
}

/** The kernels of `kernels/kernels.ts`, ready to be called. */

import { ONE_THREAD } from "./kernels.generated.js";

/** Names and order of the arguments are those of the source. */
export interface Kernels {
  conv(
    from: number,
    into: number,
    beside: number,
    weights: number,
    bias: number,
    inputs: number,
    outputs: number,
    k: number,
    columns: number,
    top: number,
    bottom: number,
    stride: number,
    plane: number,
    intoStride: number,
    intoPlane: number,
    slope: number,
  ): void;
  leaky(from: number, into: number, count: number, slope: number): void;
  add(one: number, other: number, into: number, count: number): void;
  mul(one: number, other: number, into: number, count: number): void;
  shuffle(...layout: ShuffleArguments): void;
  unshuffle(...layout: ShuffleArguments): void;
  toBytes(from: number, into: number, columns: number): void;
}

type ShuffleArguments = [
  from: number,
  into: number,
  channels: number,
  factor: number,
  rows: number,
  columns: number,
  stride: number,
  plane: number,
  intoStride: number,
  intoPlane: number,
];

/** Kernels and a memory of their own, on one thread. */
export async function oneThread(): Promise<{ kernels: Kernels; memory: WebAssembly.Memory }> {
  const memory = new WebAssembly.Memory({ initial: 16 });
  return { kernels: await instantiate(ONE_THREAD, memory), memory };
}

export async function instantiate(base64: string, memory: WebAssembly.Memory): Promise<Kernels> {
  const binary = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  return instance.exports as unknown as Kernels;
}

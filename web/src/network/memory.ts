/** Memory of the kernels: tensors in it, and what of it is free. */

import { ModelError } from "../errors.js";

/** Zeros around a plane: columns at the left (so that rows begin where vectors do), rows above and below. */
export const [LEFT, ABOVE] = [4, 1];
/** Numbers past the last plane that a vector may reach. */
const SPARE = 16;
const PAGE = 65536;
const ALIGNED = 64;

/** Planes of float32 in the kernels' memory. */
export interface Tensor {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  /** Numbers from a row to the next, and from a plane to the next. */
  readonly stride: number;
  readonly plane: number;
  /** Address of the buffer, and of the first number inside the border. */
  readonly buffer: number;
  readonly origin: number;
  readonly bytes: number;
}

/** Hands out parts of a WebAssembly memory, and takes them back. */
export class KernelMemory {
  /** What is free: address and size, by address. */
  private free: Array<{ at: number; bytes: number }> = [];
  /** Taken at the moment. */
  held = 0;
  /** The most that was ever taken at once. */
  peak = 0;

  /** @param memory whose first page is left alone. */
  constructor(private readonly memory: WebAssembly.Memory) {
    this.free.push({ at: PAGE, bytes: memory.buffer.byteLength - PAGE });
  }

  /** All of it as float32; not to be kept, since memory that grows is another. */
  get numbers(): Float32Array {
    return new Float32Array(this.memory.buffer);
  }

  /** All of it as bytes. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /**
   * A part of so many bytes.
   *
   * @throws ModelError there is too little memory.
   */
  take(bytes: number): number {
    const size = Math.ceil(bytes / ALIGNED) * ALIGNED;
    let found = this.free.findIndex((part) => part.bytes >= size);
    if (found < 0) found = this.grow(size);
    const part = this.free[found]!;
    const { at } = part;
    if (part.bytes === size) this.free.splice(found, 1);
    else this.free[found] = { at: at + size, bytes: part.bytes - size };
    this.held += size;
    this.peak = Math.max(this.peak, this.held);
    return at;
  }

  /** Give a part back. */
  give(at: number, bytes: number): void {
    const size = Math.ceil(bytes / ALIGNED) * ALIGNED;
    this.held -= size;
    const index = this.free.findIndex((part) => part.at > at);
    this.free.splice(index < 0 ? this.free.length : index, 0, { at, bytes: size });
    this.free = this.free.reduce<Array<{ at: number; bytes: number }>>((joined, part) => {
      const last = joined.at(-1);
      if (last && last.at + last.bytes === part.at) last.bytes += part.bytes;
      else joined.push({ ...part });
      return joined;
    }, []);
  }

  /** A tensor with a border of zeros; what is inside it is not set. */
  tensor(channels: number, rows: number, columns: number): Tensor {
    const stride = LEFT + Math.ceil(columns / 4) * 4 + LEFT;
    const plane = stride * (rows + 2 * ABOVE);
    // kernels write channels by fours
    const bytes = 4 * (Math.ceil(channels / 4) * 4 * plane + SPARE);
    const buffer = this.take(bytes);
    const origin = buffer + 4 * (ABOVE * stride + LEFT);
    const made = { channels, rows, columns, stride, plane, buffer, origin, bytes };
    this.clearBorder(made);
    return made;
  }

  release(tensor: Tensor): void {
    this.give(tensor.buffer, tensor.bytes);
  }

  /** Copy planes without borders into a tensor. */
  load(tensor: Tensor, data: Float32Array): void {
    const { channels, rows, columns, stride, plane, origin } = tensor;
    const numbers = this.numbers;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < rows; y++) {
        const row = data.subarray((c * rows + y) * columns, (c * rows + y + 1) * columns);
        numbers.set(row, origin / 4 + c * plane + y * stride);
      }
    }
  }

  /** The planes of a tensor without borders. */
  read(tensor: Tensor): Float32Array<ArrayBuffer> {
    const { channels, rows, columns, stride, plane, origin } = tensor;
    const numbers = this.numbers;
    const out = new Float32Array(channels * rows * columns);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < rows; y++) {
        const at = origin / 4 + c * plane + y * stride;
        out.set(numbers.subarray(at, at + columns), (c * rows + y) * columns);
      }
    }
    return out;
  }

  private clearBorder({ channels, rows, columns, stride, plane, buffer }: Tensor): void {
    const numbers = this.numbers;
    for (let c = 0; c < Math.ceil(channels / 4) * 4; c++) {
      const start = buffer / 4 + c * plane;
      numbers.fill(0, start, start + stride * ABOVE);
      for (let y = ABOVE; y < rows + ABOVE; y++) {
        const row = start + y * stride;
        numbers.fill(0, row, row + LEFT);
        numbers.fill(0, row + LEFT + columns, row + stride);
      }
      numbers.fill(0, start + plane - stride * ABOVE, start + plane);
    }
  }

  /** Index of a free part that is large enough, at the end of a memory that was grown. */
  private grow(size: number): number {
    const end = this.memory.buffer.byteLength;
    const last = this.free.at(-1);
    const room = last && last.at + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((size - room) / PAGE);
    try {
      this.memory.grow(pages);
    } catch {
      throw new ModelError("too little memory; a smaller picture or region may fit");
    }
    this.held += pages * PAGE; // which giving it back takes off again
    this.give(end, pages * PAGE);
    return this.free.length - 1;
  }
}

/** What each operator does; named and defined as in ONNX, operator set 17. */

import { ModelError } from "../errors.js";
import type { Machine, Planes, Step } from "./graph.js";
import type { Tensor } from "./memory.js";

type Find = (name: string) => Tensor;
type Operation = (step: Step, find: Find, machine: Machine) => Tensor | Planes;

export const operations: Readonly<Record<string, Operation>> = {
  Conv: conv,
  LeakyRelu: (step, find, { kernels, memory }) => {
    const x = first(step, find);
    const out = memory.tensor(x.channels, x.rows, x.columns);
    kernels.leaky(x.buffer, out.buffer, spread(x), step.attributes["alpha"] as number);
    return out;
  },
  Add: (step, find, machine) => binary(step, find, machine, (a, b) => a + b, "add"),
  Mul: (step, find, machine) => binary(step, find, machine, (a, b) => a * b, "mul"),
  Sub: (step, find, machine) => binary(step, find, machine, (a, b) => a - b),
  Div: (step, find, machine) => binary(step, find, machine, (a, b) => a / b),
  Abs: (step, find, machine) => each(first(step, find), machine, Math.abs),
  Clip: (step, find, machine) => {
    const [low, high] = [scalar(step, 1), scalar(step, 2)];
    return each(first(step, find), machine, (value) => Math.min(Math.max(value, low), high));
  },
  Identity: (step, find, machine) => each(first(step, find), machine, (value) => value),
  DepthToSpace: depthToSpace,
  Concat: concat,
  Pad: pad,
  AveragePool: averagePool,
  Samples: samples,
};

function first(step: Step, find: Find): Tensor {
  return find(step.inputs[0]!);
}

function scalar(step: Step, place: number): number {
  const constant = step.constants[place];
  if (constant?.values.length !== 1) throw new ModelError(`graph: ${step.op} of a constant that is no single number`);
  return constant.values[0]!;
}

/** Numbers from the first to the last of a tensor, borders too, in whole vectors. */
function spread({ channels, plane }: Tensor): number {
  return channels * plane;
}

function conv(step: Step, find: Find, { kernels, memory }: Machine): Tensor {
  const x = first(step, find);
  const { weights, bias, inputs, outputs, kernel, pad, fold } = step.weights!;
  const folded = fold > 1 ? memory.tensor(inputs, Math.floor(x.rows / fold), Math.floor(x.columns / fold)) : x;
  if (fold > 1) {
    const { rows, columns, stride, plane } = folded;
    kernels.unshuffle(x.origin, folded.origin, x.channels, fold, rows, columns, x.stride, x.plane, stride, plane);
  }
  const [rows, columns] = [folded.rows + 2 * pad - kernel + 1, folded.columns + 2 * pad - kernel + 1];
  const out = memory.tensor(outputs, rows, columns);
  const from = folded.origin - 4 * pad * (folded.stride + 1);
  const beside = step.beside === undefined ? 0 : find(step.beside).origin;
  kernels.conv(
    from,
    out.origin,
    // the kernel adds the place in the output to both
    beside,
    weights,
    bias,
    inputs,
    Math.ceil(outputs / 4) * 4,
    kernel,
    columns,
    0,
    rows,
    folded.stride,
    folded.plane,
    out.stride,
    out.plane,
    step.slope,
  );
  if (fold > 1) memory.release(folded);
  return out;
}

/** Two tensors of one size, or one with a single channel for all of the other's, or a tensor and a number. */
function binary(
  step: Step,
  find: Find,
  machine: Machine,
  of: (a: number, b: number) => number,
  kernel?: "add" | "mul",
): Tensor {
  const a = first(step, find);
  if (step.constants[1]) {
    const b = scalar(step, 1);
    return each(a, machine, (value) => of(value, b));
  }
  const b = find(step.inputs[1]!);
  if (a.rows !== b.rows || a.columns !== b.columns) throw new ModelError(`graph: ${step.op} of two sizes`);
  if (!kernel) return pairs(a, b, machine, of);
  const out = machine.memory.tensor(a.channels, a.rows, a.columns);
  const run = machine.kernels[kernel];
  if (a.channels === b.channels) {
    run(a.buffer, b.buffer, out.buffer, spread(a));
  } else {
    for (let c = 0; c < a.channels; c++)
      run(a.buffer + 4 * c * a.plane, b.buffer, out.buffer + 4 * c * a.plane, a.plane);
  }
  return out;
}

/** A function of every number: for the few that no kernel does. */
function each(x: Tensor, { memory }: Machine, of: (value: number) => number): Tensor {
  const out = memory.tensor(x.channels, x.rows, x.columns);
  const numbers = memory.numbers;
  for (let c = 0; c < x.channels; c++) {
    for (let y = 0; y < x.rows; y++) {
      const [from, into] = [x, out].map(({ origin, plane, stride }) => origin / 4 + c * plane + y * stride) as [
        number,
        number,
      ];
      for (let i = 0; i < x.columns; i++) numbers[into + i] = of(numbers[from + i]!);
    }
  }
  return out;
}

/** A function of every two numbers in the same place: for the few that no kernel does. */
function pairs(a: Tensor, b: Tensor, { memory }: Machine, of: (a: number, b: number) => number): Tensor {
  if (a.channels !== b.channels) throw new ModelError("graph: two numbers of channels");
  const out = memory.tensor(a.channels, a.rows, a.columns);
  const numbers = memory.numbers;
  for (let c = 0; c < a.channels; c++) {
    for (let y = 0; y < a.rows; y++) {
      const [left, right, into] = [a, b, out].map(
        ({ origin, plane, stride }) => origin / 4 + c * plane + y * stride,
      ) as [number, number, number];
      for (let i = 0; i < a.columns; i++) numbers[into + i] = of(numbers[left + i]!, numbers[right + i]!);
    }
  }
  return out;
}

function depthToSpace(step: Step, find: Find, { kernels, memory }: Machine): Tensor {
  const x = first(step, find);
  const factor = step.attributes["blocksize"] as number;
  if (step.attributes["mode"] !== "CRD") throw new ModelError("graph: DepthToSpace of another mode than CRD");
  const out = memory.tensor(x.channels / factor ** 2, x.rows * factor, x.columns * factor);
  const { channels, stride, plane } = out;
  kernels.shuffle(x.origin, out.origin, channels, factor, x.rows, x.columns, x.stride, x.plane, stride, plane);
  return out;
}

function concat(step: Step, find: Find, { memory }: Machine): Tensor {
  const parts = step.inputs.map(find);
  const { rows, columns } = parts[0]!;
  const out = memory.tensor(
    parts.reduce((sum, { channels }) => sum + channels, 0),
    rows,
    columns,
  );
  let at = out.buffer;
  for (const part of parts) {
    memory.bytes.copyWithin(at, part.buffer, part.buffer + 4 * spread(part));
    at += 4 * spread(part);
  }
  return out;
}

/** Replication of the edge, as far as the bicubic enlargement needs it. */
function pad(step: Step, find: Find, { memory }: Machine): Tensor {
  const x = first(step, find);
  const [, , top, left, , , bottom, right] = step.constants[1]!.values as readonly number[];
  if (step.attributes["mode"] !== "edge") throw new ModelError("graph: Pad of another mode than edge");
  const out = memory.tensor(x.channels, x.rows + top! + bottom!, x.columns + left! + right!);
  const numbers = memory.numbers;
  for (let c = 0; c < x.channels; c++) {
    for (let y = 0; y < out.rows; y++) {
      const row = Math.min(x.rows - 1, Math.max(0, y - top!));
      const [from, into] = [
        x.origin / 4 + c * x.plane + row * x.stride,
        out.origin / 4 + c * out.plane + y * out.stride,
      ];
      for (let i = 0; i < out.columns; i++) {
        numbers[into + i] = numbers[from + Math.min(x.columns - 1, Math.max(0, i - left!))]!;
      }
    }
  }
  return out;
}

function averagePool(step: Step, find: Find, { memory }: Machine): Tensor {
  const x = first(step, find);
  const [side] = step.attributes["kernel_shape"] as [number];
  const out = memory.tensor(x.channels, Math.floor(x.rows / side), Math.floor(x.columns / side));
  const numbers = memory.numbers;
  for (let c = 0; c < x.channels; c++) {
    for (let y = 0; y < out.rows; y++) {
      for (let i = 0; i < out.columns; i++) {
        let sum = 0;
        for (let dy = 0; dy < side; dy++) {
          const from = x.origin / 4 + c * x.plane + (y * side + dy) * x.stride + i * side;
          for (let dx = 0; dx < side; dx++) sum += numbers[from + dx]!;
        }
        numbers[out.origin / 4 + c * out.plane + y * out.stride + i] = sum / side ** 2;
      }
    }
  }
  return out;
}

/** Values in [-1, 1] as bytes, which leave the kernels' memory at once. */
function samples(step: Step, find: Find, { kernels, memory }: Machine): Planes {
  const { channels, rows, columns, origin, plane, stride } = first(step, find);
  const data = new Uint8Array(channels * rows * columns);
  const row = memory.take(columns);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < rows; y++) {
      kernels.toBytes(origin + 4 * (c * plane + y * stride), row, columns);
      data.set(memory.bytes.subarray(row, row + columns), (c * rows + y) * columns);
    }
  }
  memory.give(row, columns);
  return { channels, rows, columns, data };
}

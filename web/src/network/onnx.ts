/**
 * ONNX models, as far as the graphs of `tools/make_web_models.py` go: nodes, constants, inputs and one output. Field
 * numbers are those of `onnx.proto`, the wire format is that of Protocol Buffers.
 */

import { ModelError } from "../errors.js";

/** A constant; float16 is widened. */
export interface Constant {
  readonly dims: readonly number[];
  readonly values: Float32Array | readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, number | string | readonly number[]>>;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly output: string;
}

/** `TensorProto.DataType`. */
const [FLOAT, INT64, FLOAT16] = [1, 7, 10];

/** Read a model. */
export function readOnnx(model: Uint8Array): OnnxGraph {
  const graph = bytes(one(model, 7));
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, Constant>();
  let output = "";
  for (const [number, value] of fields(graph)) {
    if (number === 1) nodes.push(readNode(bytes(value)));
    if (number === 5) constants.set(...readTensor(bytes(value)));
    if (number === 12) output = text(one(bytes(value), 1));
  }
  return { nodes, constants, output };
}

type Value = number | Uint8Array;

function readNode(data: Uint8Array): OnnxNode {
  const inputs: string[] = [];
  const attributes: Record<string, number | string | readonly number[]> = {};
  let [op, output] = ["", ""];
  for (const [number, value] of fields(data)) {
    if (number === 1) inputs.push(text(value));
    if (number === 2) output = text(value);
    if (number === 4) op = text(value);
    if (number === 5) {
      const [name, attribute] = readAttribute(bytes(value));
      attributes[name] = attribute;
    }
  }
  return { op, inputs, output, attributes };
}

function readAttribute(data: Uint8Array): [string, number | string | readonly number[]] {
  let name = "";
  let value: number | string | undefined;
  const many: number[] = [];
  for (const [number, found] of fields(data)) {
    if (number === 1) name = text(found);
    if (number === 2 || number === 3) value = found as number;
    if (number === 4) value = text(found);
    if (number === 8) many.push(found as number);
  }
  return [name, value ?? many];
}

function readTensor(data: Uint8Array): [string, Constant] {
  const dims: number[] = [];
  let [name, kind, raw] = ["", 0, new Uint8Array(0)];
  for (const [number, value] of fields(data)) {
    if (number === 1) dims.push(value as number);
    if (number === 2) kind = value as number;
    if (number === 8) name = text(value);
    if (number === 9) raw = bytes(value).slice(); // its own buffer, so that its numbers are aligned
  }
  if (kind === FLOAT) return [name, { dims, values: new Float32Array(raw.buffer) }];
  if (kind === FLOAT16) return [name, { dims, values: Float32Array.from(new Uint16Array(raw.buffer), widened) }];
  if (kind === INT64) return [name, { dims, values: [...new BigInt64Array(raw.buffer)].map(Number) }];
  throw new ModelError(`graph: constant ${name} has type ${kind}`);
}

/** A float16 by its bits. */
export function widened(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The fields of a message: numbers (varints, and floats of 32 bits) and byte strings. */
function* fields(data: Uint8Array): Generator<readonly [number, Value]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = data[at++];
      if (byte === undefined) throw new ModelError("graph: ends too early");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const number = key >>> 3;
    if ((key & 7) === 0) {
      yield [number, varint()];
    } else if ((key & 7) === 5) {
      yield [number, new DataView(data.buffer, data.byteOffset + at, 4).getFloat32(0, true)];
      at += 4;
    } else {
      const length = varint();
      if (at + length > data.length) throw new ModelError("graph: ends too early");
      yield [number, data.subarray(at, at + length)];
      at += length;
    }
  }
}

function one(data: Uint8Array, wanted: number): Value {
  for (const [number, value] of fields(data)) if (number === wanted) return value;
  throw new ModelError(`graph: has no field ${wanted}`);
}

function bytes(value: Value): Uint8Array {
  if (typeof value === "number") throw new ModelError("graph: a number where bytes were expected");
  return value;
}

function text(value: Value): string {
  return new TextDecoder().decode(bytes(value));
}

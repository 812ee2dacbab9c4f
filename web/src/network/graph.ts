/** A graph ready to run: constants are in the kernels' memory, and what can be done at once is one step. */

import { ModelError } from "../errors.js";
import type { Kernels } from "./kernels.js";
import type { KernelMemory, Tensor } from "./memory.js";
import { readOnnx, type Constant, type OnnxGraph, type OnnxNode } from "./onnx.js";
import { operations } from "./operations.js";

/** float32 or bytes, [channels, rows, columns]. */
export interface Planes {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Uint8Array;
}

/** What operations work with. */
export interface Machine {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** A convolution's constants in the kernels' memory, as the kernel takes them. */
export interface Weights {
  readonly weights: number;
  readonly bias: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly pad: number;
  /** Space-to-depth before it: a convolution of that stride. */
  readonly fold: number;
}

/** One thing to do. */
export interface Step {
  readonly op: string;
  /** Names of tensors. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: OnnxNode["attributes"];
  /** Those of the node's inputs that are constants, by their place. */
  readonly constants: ReadonlyArray<Constant | undefined>;
  readonly weights?: Weights;
  /** Of a LeakyReLU that follows at once; 1 = none. */
  readonly slope: number;
  /** A tensor that is added at once. */
  readonly beside?: string;
}

export class Graph {
  private readonly steps: readonly Step[];
  private readonly output: string;
  /** How many steps take each tensor. */
  private readonly uses = new Map<string, number>();

  /**
   * Prepare a model.
   *
   * @throws ModelError it has an operator that is not known.
   */
  constructor(
    model: Uint8Array,
    private readonly machine: Machine,
  ) {
    const graph = foldCasts(readOnnx(model));
    this.output = graph.output;
    this.steps = fused(graph, (node) => placeWeights(node, graph.constants, machine.memory));
    for (const step of this.steps) {
      if (!(step.op in operations)) throw new ModelError(`graph: operator ${step.op} is not known`);
      for (const name of takenBy(step)) this.uses.set(name, (this.uses.get(name) ?? 0) + 1);
    }
  }

  /**
   * Run it.
   *
   * @param breathe called between steps; may throw to give up.
   * @throws ModelError there is too little memory.
   */
  async run(inputs: Readonly<Record<string, Planes>>, breathe: () => Promise<void>): Promise<Planes> {
    const { memory } = this.machine;
    const values = new Map<string, Tensor>();
    const left = new Map(this.uses);
    let result: Planes | undefined;
    try {
      for (const [name, planes] of Object.entries(inputs)) {
        const tensor = memory.tensor(planes.channels, planes.rows, planes.columns);
        values.set(name, tensor);
        memory.load(tensor, planes.data as Float32Array);
      }
      for (const step of this.steps) {
        await breathe();
        const made = operations[step.op]!(step, (name) => values.get(name)!, this.machine);
        if ("data" in made) result = made;
        else values.set(step.output, made);
        for (const name of takenBy(step)) {
          left.set(name, left.get(name)! - 1);
          if (left.get(name) === 0) {
            memory.release(values.get(name)!);
            values.delete(name);
          }
        }
      }
      const last = values.get(this.output);
      return result ?? { ...last!, data: memory.read(last!) };
    } finally {
      for (const tensor of values.values()) memory.release(tensor);
    }
  }
}

function takenBy(step: Step): string[] {
  const tensors = step.inputs.filter((_, place) => step.constants[place] === undefined);
  return step.beside === undefined ? tensors : [...tensors, step.beside];
}

/** Constants that are stored in half precision are cast as the graph begins: that is done once, here. */
function foldCasts(graph: OnnxGraph): OnnxGraph {
  const constants = new Map(graph.constants);
  const nodes = graph.nodes.filter((node) => {
    const known = constants.get(node.inputs[0]!);
    if (node.op !== "Cast" || !known) return true;
    constants.set(node.output, known);
    return false;
  });
  return { ...graph, nodes, constants };
}

/** The steps of a graph, with what follows a convolution or makes samples of values drawn into one. */
function fused(graph: OnnxGraph, placed: (node: OnnxNode) => Weights | undefined): Step[] {
  const { constants } = graph;
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes)
    for (const name of node.inputs) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  const only = (name: string): OnnxNode | undefined => {
    const found = consumers.get(name);
    return found?.length === 1 ? found[0] : undefined;
  };
  const gone = new Set<OnnxNode>();
  const known = new Set<string>();
  const steps: Step[] = [];
  for (const node of graph.nodes) {
    if (gone.has(node)) continue;
    let [{ output }, slope, beside] = [node, 1, undefined as string | undefined];
    let { op, inputs } = node;
    const absorb = (next: OnnxNode): void => {
      gone.add(next);
      output = next.output;
    };
    const after = only(output);
    if (op === "Conv" && after?.op === "Add") {
      const other = after.inputs.find((name) => name !== output);
      // what is added has to be there already; an input of the graph is
      const there = other !== undefined && !constants.has(other) && (known.has(other) || !produced(graph, other));
      if (there) {
        beside = other;
        absorb(after);
      }
    }
    const last = only(output);
    if (op === "Conv" && last?.op === "LeakyRelu") {
      slope = last.attributes["alpha"] as number;
      absorb(last);
    }
    if (op === "Clip") {
      const chain = samplesChain(node, only, constants);
      if (chain) {
        op = "Samples";
        inputs = [node.inputs[0]!];
        chain.forEach(absorb);
      }
    }
    known.add(output);
    const weights = op === "Conv" ? placed(node) : undefined;
    const named = weights ? [inputs[0]!] : inputs;
    steps.push({
      op,
      inputs: named,
      output,
      attributes: node.attributes,
      constants: named.map((name) => constants.get(name)),
      slope,
      ...(weights && { weights }),
      ...(beside !== undefined && { beside }),
    });
  }
  return steps;
}

function produced(graph: OnnxGraph, name: string): boolean {
  return graph.nodes.some((node) => node.output === name);
}

/** What follows a Clip where values in [-1, 1] become bytes; see `samples` in `codec/models/compact/drawing.py`. */
function samplesChain(
  clip: OnnxNode,
  only: (name: string) => OnnxNode | undefined,
  constants: ReadonlyMap<string, Constant>,
): OnnxNode[] | undefined {
  const number = (node: OnnxNode, place: number): number | undefined => constants.get(node.inputs[place]!)?.values[0];
  if (number(clip, 1) !== -1 || number(clip, 2) !== 1) return undefined;
  const chain: OnnxNode[] = [];
  let at: OnnxNode = clip;
  for (const [op, value] of [["Add", 1], ["Mul", 127.5], ["Round"], ["Cast"], ["Identity"]] as const) {
    const next = only(at.output);
    if (next?.op !== op || (value !== undefined && number(next, 1) !== value)) return undefined;
    chain.push(next);
    at = next;
  }
  return chain;
}

/** Put a convolution's constants into the kernels' memory: [outputs / 4][inputs][k][k][4]. */
function placeWeights(node: OnnxNode, constants: ReadonlyMap<string, Constant>, memory: KernelMemory): Weights {
  const weight = constants.get(node.inputs[1]!)!;
  const [outputs, channels, side] = weight.dims as [number, number, number];
  const [fold] = node.attributes["strides"] as [number];
  const [padding] = node.attributes["pads"] as [number];
  if (side % fold || padding % fold) throw new ModelError(`graph: a convolution of ${side} by ${side}, stride ${fold}`);
  const [kernel, pad, inputs] = [side / fold, padding / fold, channels * fold * fold];
  const groups = Math.ceil(outputs / 4);
  const packed = new Float32Array(groups * inputs * kernel * kernel * 4);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          // a channel that enters through a space-to-depth is fold * fold channels [dy, dx]
          const input = (c * fold + (y % fold)) * fold + (x % fold);
          const tap = Math.floor(y / fold) * kernel + Math.floor(x / fold);
          const to = (((o >> 2) * inputs + input) * kernel * kernel + tap) * 4 + (o & 3);
          packed[to] = weight.values[((o * channels + c) * side + y) * side + x]!;
        }
      }
    }
  }
  const biases = new Float32Array(groups * 4);
  const bias = node.inputs[2] === undefined ? undefined : constants.get(node.inputs[2]);
  if (bias) biases.set(bias.values);
  const placed = [packed, biases].map((array) => {
    const at = memory.take(array.byteLength);
    memory.numbers.set(array, at / 4);
    return at;
  });
  return { weights: placed[0]!, bias: placed[1]!, inputs, outputs, kernel, pad, fold };
}

/** What networks are told beside the LR: timesteps a latent cell, and how much noise enters at a timestep. */

/** Pixels of HR a side of a latent cell, and cells a side of a timestep tile. */
export const CELL = 4;
const CELLS = 16;
/** The noise schedule of section 9.2, step 3. */
const [BETA_START, BETA_END, STEPS] = [0.00085, 0.012, 1000];

/** Values on a grid, row by row. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/** Values a tile -> values a cell, bilinearly between tile centres and replicated outside them. */
export function spread({ columns, rows, values }: Grid, factor: number): Grid {
  const [across, down] = [positions(columns), positions(rows)];
  const out = new Float32Array(across.length * down.length);
  for (let y = 0; y < down.length; y++) {
    const [top, bottom, lower] = down[y]!;
    for (let x = 0; x < across.length; x++) {
      const [left, right, further] = across[x]!;
      const at = (row: number): number =>
        values[row * columns + left]! * (1 - further) + values[row * columns + right]! * further;
      out[y * across.length + x] = factor * (at(top) * (1 - lower) + at(bottom) * lower);
    }
  }
  return { columns: across.length, rows: down.length, values: out };
}

/** Of every cell along an axis: the tiles before and after it, and how far it is from the first to the second. */
function positions(tiles: number): ReadonlyArray<readonly [number, number, number]> {
  return Array.from({ length: tiles * CELLS }, (_, cell) => {
    const position = Math.max((cell + 0.5) / CELLS - 0.5, 0);
    const low = Math.floor(position);
    return [low, Math.min(low + 1, tiles - 1), position - low] as const;
  });
}

/** 1 - abar at the integers 0..1000. */
const POWER = ((): Float64Array => {
  const [first, last] = [Math.sqrt(BETA_START), Math.sqrt(BETA_END)];
  const table = new Float64Array(STEPS + 1);
  let signal = 1;
  for (let i = 0; i < STEPS; i++) {
    signal *= 1 - (first + ((last - first) * i) / (STEPS - 1)) ** 2;
    table[i + 1] = 1 - signal;
  }
  return table;
})();

/** sqrt((1 - abar) / abar) at a timestep: how much unit noise enters. */
export function noiseGain(t: number): number {
  const index = Math.min(STEPS - 1, Math.max(0, Math.floor(t)));
  const part = t - index;
  const power = POWER[index]! * (1 - part) + POWER[index + 1]! * part;
  return Math.sqrt(power / (1 - power));
}

/** Multiply values a pixel by values a cell, in place. */
export function scaleByCells(pixels: Float32Array, cells: Grid): void {
  const width = cells.columns * CELL;
  for (let y = 0; y < cells.rows * CELL; y++) {
    const row = Math.floor(y / CELL) * cells.columns;
    for (let x = 0; x < width; x++) pixels[y * width + x]! *= cells.values[row + (x >> 2)]!;
  }
}

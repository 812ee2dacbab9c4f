/** Colour stored at half the size: enlarged as section 8 says, where the browser has only repeated it. */

/**
 * Undo the repetition of chroma samples and enlarge them smoothly instead.
 *
 * Luma is exact but for pixels that were clamped to black or white on their way to RGB; chroma is the mean of the four
 * pixels that shared it, so that little is lost to clamping and rounding.
 *
 * @param pixels RGBA, changed in place.
 * @param width even.
 * @param height of the picture.
 */
export function smoothChroma(pixels: Uint8ClampedArray, width: number, height: number): void {
  const columns = width / 2;
  const rows = Math.ceil(height / 2);
  const [u, v] = [new Float32Array(columns * rows), new Float32Array(columns * rows)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const [r, g, b] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
      const luma = 0.299 * r + 0.587 * g + 0.114 * b;
      const cell = (y >> 1) * columns + (x >> 1);
      const share = (y & 1) === 0 && y + 1 === height ? 2 : 4; // an odd last row has two pixels a sample
      u[cell]! += (b - luma) / 1.772 / share;
      v[cell]! += (r - luma) / 1.402 / share;
    }
  }
  for (let y = 0; y < height; y++) {
    const row = y >> 1;
    const beside = Math.min(rows - 1, Math.max(0, row + (y & 1 ? 1 : -1)));
    for (let x = 0; x < width; x++) {
      const column = x >> 1;
      const next = Math.min(columns - 1, Math.max(0, column + (x & 1 ? 1 : -1)));
      const mixed = (plane: Float32Array): number =>
        (9 * plane[row * columns + column]! +
          3 * (plane[row * columns + next]! + plane[beside * columns + column]!) +
          plane[beside * columns + next]!) /
        16;
      const at = 4 * (y * width + x);
      const luma = 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!;
      const [cb, cr] = [mixed(u), mixed(v)];
      pixels[at] = luma + 1.402 * cr; // clamped and rounded by the array
      pixels[at + 1] = luma - 0.344136 * cb - 0.714136 * cr;
      pixels[at + 2] = luma + 1.772 * cb;
    }
  }
}

/** Planes of Y, U and V, as a decoder hands them out. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly layout: ReadonlyArray<{ readonly offset: number; readonly stride: number }>;
  readonly subsampled: boolean;
}

/** RGBA of planes, by the formulas of section 8. */
export function planesToPixels({ width, height, data, layout, subsampled }: Planes): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(4 * width * height);
  const [columns, rows] = subsampled ? [(width + 1) >> 1, (height + 1) >> 1] : [width, height];
  const sample = (plane: number, x: number, y: number): number =>
    data[layout[plane]!.offset + y * layout[plane]!.stride + x]!;
  const chroma = (plane: number, x: number, y: number): number => {
    if (!subsampled) return sample(plane, x, y);
    const [column, row] = [x >> 1, y >> 1];
    const next = Math.min(columns - 1, Math.max(0, column + (x & 1 ? 1 : -1)));
    const beside = Math.min(rows - 1, Math.max(0, row + (y & 1 ? 1 : -1)));
    const sides = sample(plane, next, row) + sample(plane, column, beside);
    return (9 * sample(plane, column, row) + 3 * sides + sample(plane, next, beside) + 8) >> 4;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const luma = sample(0, x, y);
      const [u, v] = [chroma(1, x, y) - 128, chroma(2, x, y) - 128];
      const at = 4 * (y * width + x);
      out[at] = luma + 1.402 * v;
      out[at + 1] = luma - 0.344136 * u - 0.714136 * v;
      out[at + 2] = luma + 1.772 * u;
      out[at + 3] = 255;
    }
  }
  return out;
}

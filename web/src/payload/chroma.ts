/**
 * Y, U and V to RGB, with colour stored at half the size enlarged as section 8 says.
 *
 * The sums are those of libyuv, with six bits after the point: the Python package's decoder and browsers use it, so that
 * all come to the same bytes, within a level of the specification's formulas.
 */

/** 64 times 1.402, 0.714136, 0.344136 and 1.772; of luma, 64 and a little (its 8 bits are repeated below them). */
const [V_TO_R, V_TO_G, U_TO_G, U_TO_B, Y_TO_ALL] = [90, 46, 22, 113, 16320];

/** 64 times luma, and a half. */
function lumaPart(y: number): number {
  return ((y * 0x0101 * Y_TO_ALL) >> 16) + 32;
}

function clamped(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

const red = (luma: number, v: number): number => clamped((luma + V_TO_R * (v - 128)) >> 6);
const green = (luma: number, u: number, v: number): number =>
  clamped((luma - U_TO_G * (u - 128) - V_TO_G * (v - 128)) >> 6);
const blue = (luma: number, u: number): number => clamped((luma + U_TO_B * (u - 128)) >> 6);

/** Planes of Y, U and V. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly layout: ReadonlyArray<{ readonly offset: number; readonly stride: number }>;
  /** U and V at half the size each way, rounded up. */
  readonly subsampled: boolean;
}

/** RGBA of planes. */
export function planesToPixels({ width, height, data, layout, subsampled }: Planes): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(4 * width * height);
  const [columns, rows] = subsampled ? [(width + 1) >> 1, (height + 1) >> 1] : [width, height];
  const [luma, ...chroma] = layout as [Planes["layout"][number], ...Planes["layout"]];
  for (let y = 0; y < height; y++) {
    const row = subsampled ? y >> 1 : y;
    const beside = subsampled ? Math.min(rows - 1, Math.max(0, row + (y & 1 ? 1 : -1))) : row;
    for (let x = 0; x < width; x++) {
      const column = subsampled ? x >> 1 : x;
      const next = subsampled ? Math.min(columns - 1, Math.max(0, column + (x & 1 ? 1 : -1))) : column;
      const mixed = ({ offset, stride }: Planes["layout"][number]): number => {
        const [here, there] = [offset + row * stride, offset + beside * stride];
        const sides = data[here + next]! + data[there + column]!;
        return (9 * data[here + column]! + 3 * sides + data[there + next]! + 8) >> 4;
      };
      const [u, v] = [mixed(chroma[0]!), mixed(chroma[1]!)];
      const part = lumaPart(data[luma.offset + y * luma.stride + x]!);
      const at = 4 * (y * width + x);
      out[at] = red(part, v);
      out[at + 1] = green(part, u, v);
      out[at + 2] = blue(part, u);
      out[at + 3] = 255;
    }
  }
  return out;
}

/**
 * The planes of a picture whose decoder has only repeated chroma samples: those that give its very pixels. Where pixels
 * were clamped to black or white several do, and those nearest to the mean are taken.
 *
 * @param pixels RGBA.
 */
export function planesOfRepeated(pixels: Uint8ClampedArray, width: number, height: number): Planes {
  const [columns, rows] = [(width + 1) >> 1, (height + 1) >> 1];
  const data = new Uint8Array(width * height + 2 * columns * rows);
  const [uAt, vAt] = [width * height, width * height + columns * rows];
  const layout = [
    { offset: 0, stride: width },
    { offset: uAt, stride: columns },
    { offset: vAt, stride: columns },
  ];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [right, bottom] = [Math.min(2 * column + 1, width - 1), Math.min(2 * row + 1, height - 1)];
      const places: number[] = [];
      for (let y = 2 * row; y <= bottom; y++) for (let x = 2 * column; x <= right; x++) places.push(y * width + x);
      const found = sharedChroma(pixels, places);
      data[uAt + row * columns + column] = found.u;
      data[vAt + row * columns + column] = found.v;
      for (const place of places) data[place] = lumaOf(pixels, 4 * place, found.u, found.v).y;
    }
  }
  return { width, height, data, layout, subsampled: true };
}

/** Steps from an estimate of U and V, the shortest first. */
const REACH = 16;
const STEPS = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH);
const AROUND = STEPS.flatMap((u) => STEPS.map((v) => [u, v] as const)).sort(
  (a, b) => Math.hypot(...a) - Math.hypot(...b),
);

function sharedChroma(pixels: Uint8ClampedArray, places: readonly number[]): { u: number; v: number } {
  const whole = places.filter((place) => [0, 1, 2].every((c) => pixels[4 * place + c]! % 255 !== 0));
  const trusted = whole.length > 0 ? whole : places;
  let [sumU, sumV] = [0, 0];
  for (const place of trusted) {
    const [r, g, b] = [pixels[4 * place]!, pixels[4 * place + 1]!, pixels[4 * place + 2]!];
    const luma = 0.299 * r + 0.587 * g + 0.114 * b;
    sumU += (b - luma) / 1.772;
    sumV += (r - luma) / 1.402;
  }
  const [meanU, meanV] = [Math.round(128 + sumU / trusted.length), Math.round(128 + sumV / trusted.length)];
  let best = { u: 128, v: 128 };
  let least = Infinity;
  for (const [du, dv] of AROUND) {
    const [u, v] = [clamped(meanU + du), clamped(meanV + dv)];
    const apart = places.reduce((sum, place) => sum + lumaOf(pixels, 4 * place, u, v).apart, 0);
    if (apart < least) [least, best] = [apart, { u, v }];
    if (apart === 0) break;
  }
  return best;
}

/** The luma that comes nearest to a pixel with this chroma, and how far from it that is. */
function lumaOf(pixels: Uint8ClampedArray, at: number, u: number, v: number): { y: number; apart: number } {
  const [r, g, b] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
  // of green, which is clamped last, less what chroma adds to it
  const guess = Math.round(g + (U_TO_G * (u - 128) + V_TO_G * (v - 128)) / 64);
  let best = { y: clamped(guess), apart: Infinity };
  for (const step of [0, -1, 1, -2, 2]) {
    const y = clamped(guess + step);
    const part = lumaPart(y);
    const apart = Math.abs(red(part, v) - r) + Math.abs(green(part, u, v) - g) + Math.abs(blue(part, u) - b);
    if (apart < best.apart) best = { y, apart };
    if (apart === 0) break;
  }
  return best;
}

/** The specified noise: a value a pixel from its position and a seed, the same everywhere (section 9.3). */

/** Integers modulo 2^32 only. */
function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return h ^ (h >>> 16);
}

/** The noise can have so few values that they are looked up: by the sum of four bytes. */
const VALUES = Float32Array.from(
  { length: 4 * 255 + 1 },
  (_, sum) => Math.fround(sum - 510) / Math.fround(Math.sqrt(21845)),
);

/**
 * Noise of a rectangle, row by row, mean 0, variance 1.
 *
 * @param x left edge in absolute HR pixels.
 * @param y top edge.
 * @param seed 0..2^32-1.
 */
export function noise(x: number, y: number, width: number, height: number, seed = 0): Float32Array<ArrayBuffer> {
  const out = new Float32Array(width * height);
  const seeded = mix(seed | 0);
  const columns = Int32Array.from({ length: width }, (_, i) => mix((x + i) ^ 0x9e3779b9));
  for (let j = 0; j < height; j++) {
    const row = mix((y + j) ^ seeded);
    for (let i = 0; i < width; i++) {
      const h = mix(row ^ columns[i]!);
      out[j * width + i] = VALUES[(h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24)]!;
    }
  }
  return out;
}

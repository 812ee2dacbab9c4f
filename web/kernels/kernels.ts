/**
 * The arithmetic of the networks, in AssemblyScript, compiled to WebAssembly with 128-bit SIMD.
 *
 * A tensor is planes of float32 in memory: `plane` numbers apart, rows `stride` numbers apart, and every address is that
 * of the first number inside a border of zeros that is at least a pixel wide. Counts of bytes are called so; all else
 * counts numbers.
 */

const ACROSS: i32 = 12;

/**
 * A convolution of stride 1: K x K, rows `top` to `bottom` of the output; then what stands at `beside` is added (if it
 * is not 0; laid out as the output is), and negative values are multiplied by `slope`.
 *
 * `weights` are [outputs / 4][inputs][k][k][4], `outputs` is a multiple of 4. `from` is where the kernel's first tap
 * lies for the first output.
 */
export function conv(
  from: usize, into: usize, beside: usize, weights: usize, bias: usize, inputs: i32, outputs: i32, k: i32,
  columns: i32, top: i32, bottom: i32, stride: i32, plane: i32, intoStride: i32, intoPlane: i32, slope: f32,
): void { // prettier-ignore
  const rowBytes = (<usize>stride) << 2;
  const planeBytes = (<usize>plane) << 2;
  const intoPlaneBytes = (<usize>intoPlane) << 2;
  const falling = f32x4.splat(slope);
  for (let y = top; y < bottom; y++) {
    const rowFrom = from + <usize>y * rowBytes;
    const rowInto = <usize>y * ((<usize>intoStride) << 2);
    let x = 0;
    // twelve columns of four channels at once: as many sums as registers hold
    for (; x + ACROSS <= columns; x += ACROSS) {
      const start = rowFrom + ((<usize>x) << 2);
      let w = weights;
      for (let o = 0; o < outputs; o += 4) {
        const b = bias + ((<usize>o) << 2);
        let a00 = v128.load32_splat(b, 0), a01 = a00, a02 = a00; // prettier-ignore
        let a10 = v128.load32_splat(b, 4), a11 = a10, a12 = a10; // prettier-ignore
        let a20 = v128.load32_splat(b, 8), a21 = a20, a22 = a20; // prettier-ignore
        let a30 = v128.load32_splat(b, 12), a31 = a30, a32 = a30; // prettier-ignore
        let channel = start;
        for (let c = 0; c < inputs; c++) {
          let row = channel;
          for (let ky = 0; ky < k; ky++) {
            let at = row;
            for (let kx = 0; kx < k; kx++) {
              const i0 = v128.load(at, 0), i1 = v128.load(at, 16), i2 = v128.load(at, 32); // prettier-ignore
              const w0 = v128.load32_splat(w, 0);
              a00 = f32x4.add(f32x4.mul(i0, w0), a00);
              a01 = f32x4.add(f32x4.mul(i1, w0), a01);
              a02 = f32x4.add(f32x4.mul(i2, w0), a02);
              const w1 = v128.load32_splat(w, 4);
              a10 = f32x4.add(f32x4.mul(i0, w1), a10);
              a11 = f32x4.add(f32x4.mul(i1, w1), a11);
              a12 = f32x4.add(f32x4.mul(i2, w1), a12);
              const w2 = v128.load32_splat(w, 8);
              a20 = f32x4.add(f32x4.mul(i0, w2), a20);
              a21 = f32x4.add(f32x4.mul(i1, w2), a21);
              a22 = f32x4.add(f32x4.mul(i2, w2), a22);
              const w3 = v128.load32_splat(w, 12);
              a30 = f32x4.add(f32x4.mul(i0, w3), a30);
              a31 = f32x4.add(f32x4.mul(i1, w3), a31);
              a32 = f32x4.add(f32x4.mul(i2, w3), a32);
              w += 16;
              at += 4;
            }
            row += rowBytes;
          }
          channel += planeBytes;
        }
        let out = <usize>o * intoPlaneBytes + rowInto + ((<usize>x) << 2);
        finish(into, beside, out, falling, a00, 0);
        finish(into, beside, out, falling, a01, 16);
        finish(into, beside, out, falling, a02, 32);
        out += intoPlaneBytes;
        finish(into, beside, out, falling, a10, 0);
        finish(into, beside, out, falling, a11, 16);
        finish(into, beside, out, falling, a12, 32);
        out += intoPlaneBytes;
        finish(into, beside, out, falling, a20, 0);
        finish(into, beside, out, falling, a21, 16);
        finish(into, beside, out, falling, a22, 32);
        out += intoPlaneBytes;
        finish(into, beside, out, falling, a30, 0);
        finish(into, beside, out, falling, a31, 16);
        finish(into, beside, out, falling, a32, 32);
      }
    }
    for (; x < columns; x += 4) {
      const start = rowFrom + ((<usize>x) << 2);
      let w = weights;
      for (let o = 0; o < outputs; o += 4) {
        const b = bias + ((<usize>o) << 2);
        let a0 = v128.load32_splat(b, 0), a1 = v128.load32_splat(b, 4); // prettier-ignore
        let a2 = v128.load32_splat(b, 8), a3 = v128.load32_splat(b, 12); // prettier-ignore
        let channel = start;
        for (let c = 0; c < inputs; c++) {
          let row = channel;
          for (let ky = 0; ky < k; ky++) {
            let at = row;
            for (let kx = 0; kx < k; kx++) {
              const i = v128.load(at);
              a0 = f32x4.add(f32x4.mul(i, v128.load32_splat(w, 0)), a0);
              a1 = f32x4.add(f32x4.mul(i, v128.load32_splat(w, 4)), a1);
              a2 = f32x4.add(f32x4.mul(i, v128.load32_splat(w, 8)), a2);
              a3 = f32x4.add(f32x4.mul(i, v128.load32_splat(w, 12)), a3);
              w += 16;
              at += 4;
            }
            row += rowBytes;
          }
          channel += planeBytes;
        }
        let out = <usize>o * intoPlaneBytes + rowInto + ((<usize>x) << 2);
        finish(into, beside, out, falling, a0, 0);
        finish(into, beside, out + intoPlaneBytes, falling, a1, 0);
        finish(into, beside, out + 2 * intoPlaneBytes, falling, a2, 0);
        finish(into, beside, out + 3 * intoPlaneBytes, falling, a3, 0);
      }
    }
    // columns past the end were computed to fill a vector: the border is zeros again
    for (let o = 0; o < outputs; o++) {
      const end = into + <usize>o * intoPlaneBytes + rowInto;
      for (let right = columns; right < x; right++) store<f32>(end + ((<usize>right) << 2), 0);
    }
  }
}

// @ts-ignore: decorator
@inline
function finish(into: usize, beside: usize, at: usize, falling: v128, sum: v128, offset: usize): void {
  if (beside != 0) sum = f32x4.add(sum, v128.load(beside + at + offset));
  const zero = f32x4.splat(0);
  sum = f32x4.add(f32x4.max(sum, zero), f32x4.mul(f32x4.min(sum, zero), falling));
  v128.store(into + at + offset, sum);
}

/** LeakyReLU of `count` numbers, a multiple of 4; a border of zeros stays one. */
export function leaky(from: usize, into: usize, count: i32, slope: f32): void {
  const falling = f32x4.splat(slope);
  const zero = f32x4.splat(0);
  const end = from + ((<usize>count) << 2);
  for (; from < end; from += 16, into += 16) {
    const x = v128.load(from);
    v128.store(into, f32x4.add(f32x4.max(x, zero), f32x4.mul(f32x4.min(x, zero), falling)));
  }
}

/** Sum of `count` numbers each, a multiple of 4. */
export function add(one: usize, other: usize, into: usize, count: i32): void {
  const end = one + ((<usize>count) << 2);
  for (; one < end; one += 16, other += 16, into += 16) {
    v128.store(into, f32x4.add(v128.load(one), v128.load(other)));
  }
}

/** Product of `count` numbers each, a multiple of 4. */
export function mul(one: usize, other: usize, into: usize, count: i32): void {
  const end = one + ((<usize>count) << 2);
  for (; one < end; one += 16, other += 16, into += 16) {
    v128.store(into, f32x4.mul(v128.load(one), v128.load(other)));
  }
}

/** Depth to space by `factor`: channels are [out, dy, dx]; rows and columns are those of the input. */
export function shuffle(
  from: usize, into: usize, outputs: i32, factor: i32, rows: i32, columns: i32,
  stride: i32, plane: i32, intoStride: i32, intoPlane: i32,
): void { // prettier-ignore
  for (let o = 0; o < outputs; o++) {
    for (let y = 0; y < rows; y++) {
      for (let dy = 0; dy < factor; dy++) {
        const out = into + ((<usize>(o * intoPlane + (y * factor + dy) * intoStride)) << 2);
        for (let dx = 0; dx < factor; dx++) {
          const channel = (o * factor + dy) * factor + dx;
          let at = from + ((<usize>channel * plane + y * stride) << 2);
          let to = out + ((<usize>dx) << 2);
          for (let x = 0; x < columns; x++, at += 4, to += (<usize>factor) << 2) store<f32>(to, load<f32>(at));
        }
      }
    }
  }
}

/** Space to depth by `factor`: channels are [in, dy, dx]; rows and columns are those of the output. */
export function unshuffle(
  from: usize, into: usize, inputs: i32, factor: i32, rows: i32, columns: i32,
  stride: i32, plane: i32, intoStride: i32, intoPlane: i32,
): void { // prettier-ignore
  for (let c = 0; c < inputs; c++) {
    for (let dy = 0; dy < factor; dy++) {
      for (let dx = 0; dx < factor; dx++) {
        const channel = (c * factor + dy) * factor + dx;
        for (let y = 0; y < rows; y++) {
          let at = from + ((<usize>c * plane + (y * factor + dy) * stride + dx) << 2);
          let to = into + ((<usize>channel * intoPlane + y * intoStride) << 2);
          for (let x = 0; x < columns; x++, at += (<usize>factor) << 2, to += 4) store<f32>(to, load<f32>(at));
        }
      }
    }
  }
}

/** Numbers in [-1, 1], clamped, as bytes 0..255, halves to even: a row of `columns` each. */
export function toBytes(from: usize, into: usize, columns: i32): void {
  for (let x = 0; x < columns; x++, from += 4) {
    const value = min(max(load<f32>(from), -1), 1);
    store<u8>(into + x, <u8>nearest((value + 1) * 127.5));
  }
}

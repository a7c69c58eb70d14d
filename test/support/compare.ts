// Comparison of arrays: norm-wise relative error against a bound, as test/golden/README.md defines it.
import assert from 'node:assert/strict'

/** ‖got − want‖ / ‖want‖, or ‖got‖ where want is zero; NaN if anything is NaN. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  assert.equal(got.length, want.length, `lengths differ: got ${got.length}, want ${want.length}`)
  let difference = 0
  let size = 0
  for (let i = 0; i < want.length; ++i) {
    const d = (got[i] as number) - (want[i] as number)
    difference += d * d
    size += (want[i] as number) ** 2
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size)
}

/** Asserts a relative error of at most `tolerance`, showing the worst element otherwise. */
export function assertClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  label: string,
): void {
  const error = relativeError(got, want)
  if (error <= tolerance) return
  let worst = 0
  let largest = -1
  for (let i = 0; i < want.length; ++i) {
    const d = Math.abs((got[i] as number) - (want[i] as number))
    if (!(d <= largest)) {
      largest = d
      worst = i
    }
    if (Number.isNaN(d)) break
  }
  assert.fail(
    `${label}: relative error ${error} above ${tolerance}; worst at element ${worst} of ${want.length}: got ${got[worst]}, want ${want[worst]}`,
  )
}

/** Asserts equal bits (NaN equals NaN, 0 differs from −0). */
export function assertSameBits(a: ArrayLike<number>, b: ArrayLike<number>, label: string): void {
  assert.equal(a.length, b.length, label)
  for (let i = 0; i < a.length; ++i) {
    if (!Object.is(a[i], b[i])) assert.fail(`${label}: element ${i} differs: ${a[i]} and ${b[i]}`)
  }
}

/** Seeded numbers in [0, 1) (mulberry32) and normal ones (Box-Muller). */
export function generator(seed: number) {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  const fill = (count: number, draw: () => number): Float64Array =>
    Float64Array.from({ length: count }, draw)
  return {
    uniform,
    normal,
    uniforms: (count: number) => fill(count, uniform),
    normals: (count: number) => fill(count, normal),
  }
}

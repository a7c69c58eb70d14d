// What fields of simplex noise promise beyond their values: smooth derivatives, exact tiles, flow without
// divergence, gradients of the lattice without a pattern.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeviceName,
  type FractalOptions,
  SimplexNoise,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'

const asTensor = (data: Float64Array, dim: number, device: DeviceName): Tensor =>
  tensor(data, { shape: [data.length / dim, dim], dtype: 'float64', device })

async function read(value: Tensor): Promise<Float64Array> {
  return Float64Array.from(await value.data())
}

// Corner (i, j, …) of the simplex lattice stands at (i − t, j − t, …) with t = G (i + j + …).
const unskew = [0, 0, (3 - Math.sqrt(3)) / 6, 1 / 6, (5 - Math.sqrt(5)) / 20] as const

function cornerAt(index: readonly number[]): number[] {
  const t = (unskew[index.length] as number) * index.reduce((a, b) => a + b, 0)
  return index.map((i) => i - t)
}

// Points on faces between simplices: convex combinations of the corners of a cell but one, and edges.
function facePoints(dim: number, count: number, seed: number): Float64Array {
  const { uniform } = generator(seed)
  const points: number[] = []
  for (let n = 0; n < count; ++n) {
    const cell = Array.from({ length: dim }, () => Math.floor(40 * uniform()) - 20)
    const order = cell.map((_, axis) => axis).sort(() => uniform() - 0.5)
    const corners = [cornerAt(cell)]
    const walk = [...cell]
    for (const axis of order) {
      walk[axis] = (walk[axis] as number) + 1
      corners.push(cornerAt(walk))
    }
    corners.splice(1 + Math.floor(uniform() * (dim - 1)), 1)
    const weights = corners.map(() => 0.05 + uniform())
    const total = weights.reduce((a, b) => a + b, 0)
    for (let axis = 0; axis < dim; ++axis) {
      const sum = corners.reduce(
        (s, corner, i) => s + (corner[axis] as number) * (weights[i] as number),
        0,
      )
      points.push(sum / total)
    }
  }
  return Float64Array.from(points)
}

onEveryDevice('fields of simplex noise', (device) => {
  for (const dim of [1, 2, 3, 4]) {
    test(`${dim}D: derivatives agree with central differences, also on faces of simplices`, async () => {
      await using _ = scope()
      using noise = new SimplexNoise({ seed: 6, device })
      const count = emulated ? 24 : 200
      const step = 1e-6
      const points =
        dim === 1
          ? Float64Array.from({ length: count }, (_, i) => i - count / 2 + (i % 3) / 3)
          : facePoints(dim, count, dim)
      const options = { octaves: 1 }
      const at = (data: Float64Array) => noise.sample(asTensor(data, dim, device), options)
      const gradient = await read(noise.gradient(asTensor(points, dim, device), options).gradient)
      const size = Math.sqrt(gradient.reduce((s, g) => s + g * g, 0) / gradient.length)
      assert.ok(size > 0.3, `gradients of size ${size}`)
      for (let axis = 0; axis < dim; ++axis) {
        const moved = (by: number) => points.map((x, i) => (i % dim === axis ? x + by : x))
        const [after, before] = [await read(at(moved(step))), await read(at(moved(-step)))]
        for (let i = 0; i < count; ++i) {
          const numeric = ((after[i] as number) - (before[i] as number)) / (2 * step)
          const difference = Math.abs(numeric - (gradient[i * dim + axis] as number))
          // Second derivatives are below 100, roundings 1e-15 / step.
          assert.ok(difference < 2e-4, `point ${i}, axis ${axis}: differs by ${difference}`)
        }
      }
    })
  }

  const kinds: readonly (readonly [string, FractalOptions])[] = [
    ['fBm with domain warp', { octaves: 3, warp: 0.4 }],
    ['ridged', { kind: 'ridged', octaves: 2, lacunarity: 1.9 }],
    ['billow', { kind: 'billow', octaves: 2 }],
    ['ping-pong', { kind: 'ping-pong', octaves: 2, strength: 1.7 }],
    ['turbulence', { kind: 'turbulence', octaves: 3, persistence: 0.6 }],
    ['a tile', { octaves: 2, period: 4 }],
  ]
  for (const [title, options] of kinds) {
    test(`${title}: the tape has the gradients of central differences`, async () => {
      for (const dim of [1, 2, 3, 4]) {
        using noise = new SimplexNoise({ seed: 5, device })
        const points = generator(31 + dim)
          .uniforms(6 * dim)
          .map((u) => 9 * u)
        await checkGradients(
          device,
          { points: { shape: [6, dim], data: points } },
          ({ points }) => [noise.sample(points as Tensor, options)],
          { step: 1e-6, tolerance: 1e-6 },
        )
      }
    })
  }

  for (const dim of [1, 2, 3, 4]) {
    test(`${dim}D: a field with a period repeats to the bit`, async () => {
      await using _ = scope()
      const count = emulated ? 30 : 400
      for (const variant of [undefined, 'simplex-noise'] as const) {
        using noise = new SimplexNoise({ seed: variant ? undefined : 6, variant, device })
        for (const [period, options] of [
          [3, {}],
          [[1, 5, 2, 7].slice(0, dim), { octaves: 3 }],
          [8, { octaves: 2, lacunarity: 3, kind: 'ridged', warp: 0.5 }],
        ] as readonly (readonly [number | number[], FractalOptions])[]) {
          // Multiples of 1/64: adding a period is exact.
          const points = generator(dim)
            .uniforms(count * dim)
            .map((u) => Math.floor(64 * (20 * u - 10)) / 64)
          const moves = generator(7 + dim)
            .uniforms(count * dim)
            .map((u) => Math.floor(9 * u) - 4)
          const size = (axis: number) =>
            (typeof period === 'number' ? period : period[axis]) as number
          const moved = points.map((x, i) => x + (moves[i] as number) * size(i % dim))
          const sample = (data: Float64Array) =>
            read(noise.sample(asTensor(data, dim, device), { ...options, period }))
          const first = await sample(points)
          assertClose(await sample(moved), first, 1e-12, `period ${period}`)
          assert.ok(Math.max(...first) - Math.min(...first) > 0.2, 'the field is not constant')
        }
      }
    })
  }

  test('a tile continues into itself', async () => {
    await using _ = scope()
    using noise = new SimplexNoise({ seed: 3, dtype: 'float64', device })
    const options = { period: [4, 6], octaves: 3 }
    const tile = await read(noise.tile([16, 24], options))
    const wide = await read(noise.grid([32, 48], { step: 0.25, ...options }))
    for (let i = 0; i < 32; ++i) {
      for (let j = 0; j < 48; ++j) {
        assert.ok(
          Math.abs((wide[48 * i + j] as number) - (tile[24 * (i % 16) + (j % 24)] as number)) <
            1e-12,
        )
      }
    }
  })

  test('curl noise has no divergence and is no zero', async () => {
    await using _ = scope()
    using noise = new SimplexNoise({ seed: 12, device })
    const step = 1e-5
    for (const dim of [2, 3]) {
      for (const options of [{}, { octaves: 3 }, { octaves: 2, period: 5 }]) {
        const count = emulated ? 20 : 300
        const points = generator(dim)
          .uniforms(count * dim)
          .map((u) => 30 * u - 15)
        const divergence = new Float64Array(count)
        let slopes = 0
        for (let axis = 0; axis < dim; ++axis) {
          const at = async (by: number) => {
            const moved = points.map((x, i) => (i % dim === axis ? x + by : x))
            return await read(noise.curl(asTensor(moved, dim, device), options))
          }
          const [after, before] = [await at(step), await at(-step)]
          for (let i = 0; i < count; ++i) {
            const slope =
              ((after[i * dim + axis] as number) - (before[i * dim + axis] as number)) / (2 * step)
            divergence[i] = (divergence[i] as number) + slope
            slopes += slope * slope
          }
        }
        const size = Math.sqrt(slopes / count)
        const worst = Math.max(...divergence.map(Math.abs))
        assert.ok(size > 0.3, `${dim}D: slopes of ${size}`)
        assert.ok(worst < 1e-4 * size, `${dim}D: divergence ${worst} of slopes ${size}`)
      }
    }
  })

  test('the curl in 2D is the rotated gradient, and a grid has the curl of its points', async () => {
    await using _ = scope()
    using noise = new SimplexNoise({ seed: 2, dtype: 'float64', device })
    const options = { octaves: 2, origin: [0.5, -3], step: 0.125 }
    const { gradient } = noise.gridGradient([9, 11], options)
    const curl = await read(noise.curlGrid([9, 11], options))
    const rotated = (await read(gradient)).map((_, i, all) =>
      i % 2 === 0 ? (all[i + 1] as number) : -(all[i - 1] as number),
    )
    assertClose(curl, rotated, 1e-12, 'curl')
    const grid = await read(noise.curlGrid([2, 3, 4], { step: 0.25 }))
    const points = Float64Array.from({ length: 72 }, (_, i) => {
      const point = Math.floor(i / 3)
      const index = [Math.floor(point / 12), Math.floor(point / 4) % 3, point % 4]
      return 0.25 * (index[i % 3] as number)
    })
    assertClose(grid, await read(noise.curl(asTensor(points, 3, device))), 1e-12, '3D')
  })

  // At a corner of the lattice only this corner counts, so the derivative there is its gradient times a
  // constant. Over a lattice without a pattern, every frequency has the same expected power.
  // (Corners that are multiples of 4096 cells apart may show one: they differ in high bits only.)
  for (const [dim, side] of emulated
    ? ([[2, 32]] as const)
    : ([
        [1, 65536],
        [2, 512],
        [3, 64],
        [4, 16],
      ] as const)) {
    test(`${dim}D: the gradients of the integer hash have a flat spectrum`, async () => {
      for (const [stride, seed] of [
        ...Array.from({ length: 8 }, (_, seed) => [1, seed] as const),
        [1, 2 ** 40 + 77],
        [17, 0],
        [256, 1],
      ] as const) {
        await using _ = scope()
        using noise = new SimplexNoise({ seed, device })
        const count = side ** dim
        const points = new Float64Array(count * dim)
        for (let n = 0; n < count; ++n) {
          const index = Array.from(
            { length: dim },
            (_, axis) => stride * (Math.floor(n / side ** (dim - 1 - axis)) % side),
          )
          points.set(cornerAt(index), n * dim)
        }
        const gradient = await read(noise.gradient(asTensor(points, dim, device)).gradient)
        for (let axis = 0; axis < dim; ++axis) {
          const component = Float64Array.from(
            { length: count },
            (_, n) => gradient[n * dim + axis] as number,
          )
          expectFlat(component, { dim, side }, `stride ${stride}, seed ${seed}, axis ${axis}`)
        }
      }
    })
  }
})

// Power over its mean is exponentially distributed: P(p > x) = e^−x, at half of the frequencies
// independently.
function expectFlat(
  field: Float64Array,
  lattice: { dim: number; side: number },
  label: string,
): void {
  const imaginary = new Float64Array(field.length)
  const variance = field.reduce((s, g) => s + g * g, 0) / field.length
  const mean = field.reduce((s, g) => s + g, 0) / field.length
  assert.ok(Math.abs(mean) < 5 * Math.sqrt(variance / field.length), `${label}: mean ${mean}`)
  fourier(field, imaginary, lattice)
  const power = field.map(
    (re, i) => (re * re + (imaginary[i] as number) ** 2) / (variance * field.length),
  )
  power.sort()
  const independent = power.length / 2
  const largest = power.at(-1) as number
  assert.ok(
    largest < Math.log(independent) + 9,
    `${label}: a frequency of ${largest} times the mean power`,
  )
  let distance = 0
  for (const [i, p] of power.entries()) {
    distance = Math.max(distance, Math.abs((i + 0.5) / power.length - (1 - Math.exp(-p))))
  }
  // Kolmogorov and Smirnov: above 2.2/√n with a probability of 1e-4.
  assert.ok(
    distance * Math.sqrt(independent) < 2.2,
    `${label}: powers are not exponential, ${distance}`,
  )
}

// The discrete Fourier transform along every axis in place; the side is a power of two.
function fourier(
  re: Float64Array,
  im: Float64Array,
  { dim, side }: { dim: number; side: number },
): void {
  for (let axis = 0, stride = 1; axis < dim; ++axis, stride *= side) {
    for (let line = 0; line < re.length / side; ++line) {
      transformLine(re, im, {
        start: Math.floor(line / stride) * stride * side + (line % stride),
        stride,
        side,
      })
    }
  }
}

function transformLine(
  re: Float64Array,
  im: Float64Array,
  { start, stride, side }: { start: number; stride: number; side: number },
): void {
  const swap = (a: Float64Array, i: number, j: number): void => {
    const value = a[i] as number
    a[i] = a[j] as number
    a[j] = value
  }
  for (let i = 1, j = 0; i < side; ++i) {
    let bit = side >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      swap(re, start + i * stride, start + j * stride)
      swap(im, start + i * stride, start + j * stride)
    }
  }
  for (let length = 2; length <= side; length *= 2) {
    for (let k = 0; k < length / 2; ++k) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / length), Math.sin((-2 * Math.PI * k) / length)]
      for (let i = k; i < side; i += length) {
        const [a, b] = [start + i * stride, start + (i + length / 2) * stride]
        const [br, bi] = [re[b] as number, im[b] as number]
        const [tr, ti] = [br * c - bi * s, br * s + bi * c]
        re[b] = (re[a] as number) - tr
        im[b] = (im[a] as number) - ti
        re[a] = (re[a] as number) + tr
        im[a] = (im[a] as number) + ti
      }
    }
  }
}

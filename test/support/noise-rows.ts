// Valid calls of the noise operations and the maps onto an interval.
import { elementwise, float64, type Given, type Row, real } from './operation-rows.js'

const simplexField = {
  kernel: 0.5,
  kind: 2,
  octaves: 3,
  gain: 0.5,
  lacunarity: 2,
  strength: 1.5,
  warp: 0.25,
  period0: 3,
  period1: 4,
  seedLow: 12345,
  seedHigh: 678,
}

function simplexSample(samples: number, output: 'value' | 'curl'): Record<string, Given> {
  const [dim, vectors] = [3, real(samples * 3)]
  return {
    points: vectors,
    ...(output === 'value' ? { value: real(samples), derivative: vectors } : { curl: vectors }),
    samples,
    dim,
    table: { length: 256, type: 'uint8', range: [0, 255] },
    offsets: float64(simplexField.octaves * dim),
    ...simplexField,
    period2: 5,
    period3: 0,
  }
}

function simplexGrid(length: number, output: 'value' | 'curl'): Record<string, Given> {
  const shape = output === 'value' ? [2, 1, 3, length] : [2, 3, length, 1]
  const dim = output === 'value' ? 4 : 3
  const points = 6 * length
  const vectors = real(points * dim)
  const axes = [0, 1, 2, 3]
  return {
    ...(output === 'value' ? { value: real(points), derivative: vectors } : { curl: vectors }),
    dim,
    ...Object.fromEntries(axes.map((axis) => [`shape${axis}`, shape[axis] as number])),
    ...Object.fromEntries(axes.map((axis) => [`origin${axis}`, 0.5 - axis])),
    ...Object.fromEntries(axes.map((axis) => [`step${axis}`, 0.25])),
    table: { length: 256, type: 'uint8', range: [0, 255] },
    offsets: float64(simplexField.octaves * dim),
    ...simplexField,
    period2: 5,
    period3: dim === 4 ? 6 : 0,
  }
}

const simplexValues = ['kind', 'seedLow', 'seedHigh']

/** Valid calls by operation. */
export const noiseRows: Readonly<Record<string, Row>> = {
  affine: {
    call: (scale) => ({ ...elementwise(['input'], 'output')(scale), factor: 0.5, offset: -2 }),
  },
  normalizeBackward: {
    call: (scale) => ({
      ...elementwise(['gradOutput', 'output'], 'gradInput')(scale),
      extremes: float64(4),
    }),
  },
  normalizeForward: {
    call: (scale) => ({ ...elementwise(['input'], 'output')(scale), extremes: float64(4) }),
  },
  simplexCurlGrid: { call: (scale) => simplexGrid(5 * scale, 'curl'), values: simplexValues },
  simplexCurlSample: { call: (scale) => simplexSample(7 * scale, 'curl'), values: simplexValues },
  simplexGrid: { call: (scale) => simplexGrid(5 * scale, 'value'), values: simplexValues },
  simplexSample: { call: (scale) => simplexSample(7 * scale, 'value'), values: simplexValues },
  simplexSampleBackward: {
    call: (scale) => ({
      gradOutput: real(7 * scale),
      derivative: real(7 * scale * 3),
      gradPoints: real(7 * scale * 3),
      samples: 7 * scale,
      dim: 3,
    }),
  },
}

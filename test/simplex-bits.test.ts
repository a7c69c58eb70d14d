// The same bits from every instruction-set copy and every device, and the quality of the integer hash.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  device as deviceOf,
  type SimplexFieldOptions,
  scope,
  simplexCurlGrid,
  simplexGrid,
  simplexSample,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { runProgram } from './support/child.js'
import { assertSameBits, generator } from './support/compare.js'
import { devices, emulated } from './support/devices.js'

const copies = ['v2', 'v3', 'v4']

// Digests of fields: `rows` planes of 1024² points each, and a few of everything else.
const program = `
  import { createHash } from 'node:crypto'
  const on = lib.device('cpu')
  if (lib.machine().instructionSet !== process.env.ENTRAIN_INSTRUCTION_SET) process.exit(7)
  const digest = async (tensor) => {
    const data = await tensor.data()
    return createHash('sha1').update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).digest('hex')
  }
  const table = lib.tensor(Uint8Array.from({ length: 256 }, (_, i) => (i * 167 + 13) & 255), { shape: [256], dtype: 'uint8', device: on })
  const origin = [0.137, -3.5, 1000.25, 7.7]
  const planes = Number(process.env.PLANES)
  for (let plane = 0; plane < planes; plane += 13) {
    const count = Math.min(13, planes - plane)
    const chunk = plane / 13
    const field = [{ seed: 5 }, { table }, { seed: 6, octaves: 2 }, { seed: 7, kernel: 0.6 }][chunk % 4]
    const value = lib.simplexGrid({ shape: [count, 1024, 1024], origin: [plane * 0.7, 2.5, -1e4], step: [0.31, 0.053, 0.047], device: on, ...field }).value
    console.log(await digest(value))
    value.dispose()
  }
  for (const dim of [1, 2, 3, 4]) {
    const shape = [[1007], [33, 71], [9, 11, 37], [5, 3, 7, 35]][dim - 1]
    const period = [4, 5, 6, 7].slice(0, dim)
    for (const field of [{}, { table }, { octaves: 4, kind: 'ridged', lacunarity: 1.7 }, { octaves: 3, kind: 'ping-pong' }, { period }, { period, table }, { warp: 0.3, kind: 'billow' }]) {
      for (const dtype of ['float32', 'float64']) {
        const got = lib.simplexGrid({ shape, origin: origin.slice(0, dim), step: 0.21, derivative: true, dtype, device: on, ...field })
        const points = lib.tensor(Float64Array.from({ length: 37 * dim }, (_, i) => Math.sin(i) * 50), { shape: [37, dim], dtype, device: on })
        const at = lib.simplexSample({ points, derivative: true, ...field })
        console.log(await digest(got.value), await digest(got.derivative), await digest(at.value), await digest(at.derivative))
      }
    }
  }
`

async function digests(copy: string, planes: number): Promise<string[] | null> {
  const env = { ENTRAIN_INSTRUCTION_SET: copy, PLANES: String(planes) }
  const { code, stdout, stderr } = await runProgram(program, { env, limit: 120_000 })
  if (code === 7) return null
  assert.equal(code, 0, stderr)
  return stdout.split('\n').filter((line) => /^[0-9a-f]{40}/.test(line))
}

test('every instruction-set copy gives the same bits', async (context) => {
  const small = emulated
  const lists = new Map<string, string[]>()
  for (const copy of copies) {
    // 104 planes are 1.1e8 points. The oldest copy has no fma instruction and takes two planes.
    const found = await digests(copy, copy === 'v2' || small ? 2 : 104)
    if (found) lists.set(copy, found)
  }
  if (lists.size < 2) return context.skip(`only ${[...lists.keys()]} can run here`)
  const [v2, v3, v4] = copies.map((copy) => lists.get(copy))
  if (v3 && v4) assert.deepEqual(v3, v4)
  const newer = v4 ?? v3
  if (v2 && newer) {
    const few = v2.length - 1
    assert.deepEqual(v2.slice(1), newer.slice(-few))
  }
})

const fields: readonly SimplexFieldOptions[] = [
  { seed: 3 },
  { seed: 3, octaves: 3, kind: 'ridged' },
  { seed: 3, octaves: 17 },
  { seed: 3, octaves: 2, kind: 'ping-pong', lacunarity: 1.9 },
  { seed: 3, warp: 0.4, octaves: 2 },
]

for (const name of devices.filter((device) => device !== 'cpu')) {
  test(`${name} gives the bits of the CPU`, async () => {
    for (const dim of [1, 2, 3, 4]) {
      const shape = [[301], [17, 40], [5, 6, 33], [3, 1, 4, 35]][dim - 1] as number[]
      const numbers = generator(1)
        .uniforms(33 * dim)
        .map((u) => (u - 0.5) * 100)
      const tableOf = (on: ReturnType<typeof deviceOf>) =>
        tensor(
          Uint8Array.from({ length: 256 }, (_, i) => (i * 167 + 13) & 255),
          { shape: [256], dtype: 'uint8', device: on },
        )
      for (const dtype of ['float32', 'float64'] as const) {
        for (const field of fields) {
          for (const extra of ['hash', 'table', 'period'] as const) {
            await using _ = scope()
            const period = [4, 5, 6, 7].slice(0, dim)
            const tiles =
              extra === 'period' && (field.lacunarity ?? 2) === 2 && field.octaves !== 17
            const results = await Promise.all(
              [deviceOf(name), deviceOf('cpu')].map(async (on) => {
                const all = {
                  ...field,
                  ...(extra === 'table' && { table: tableOf(on) }),
                  ...(tiles && { period }),
                }
                const place = { shape, origin: [0.3, -7, 2e3, 4].slice(0, dim), step: 0.27 }
                const points = tensor(numbers, { shape: [33, dim], dtype, device: on })
                const tensors: (Tensor | null)[] = []
                for (const derivative of [false, true]) {
                  const grid = simplexGrid({ ...place, dtype, device: on, derivative, ...all })
                  const at = simplexSample({ points, derivative, ...all })
                  tensors.push(grid.value, grid.derivative, at.value, at.derivative)
                }
                if (dim === 2 || dim === 3) {
                  tensors.push(simplexCurlGrid({ ...place, dtype, device: on, ...all }))
                }
                return Promise.all(tensors.map(async (one) => (one ? await one.data() : [])))
              }),
            )
            const [got = [], want = []] = results
            for (const [i, data] of want.entries()) {
              const label = `${dim}D ${dtype} ${JSON.stringify(field)} ${extra} result ${i}`
              assertSameBits(got[i] as ArrayLike<number>, data as ArrayLike<number>, label)
            }
          }
        }
      }
    }
  })
}

/** |DFT|² of a real signal of a power of two, along the last axis of rows, in place. */
function transform(re: Float64Array, im: Float64Array, start: number, stride: number, n: number) {
  for (let i = 1, j = 0; i < n; ++i) {
    let bit = n >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      for (const part of [re, im]) {
        const kept = part[start + i * stride] as number
        part[start + i * stride] = part[start + j * stride] as number
        part[start + j * stride] = kept
      }
    }
  }
  for (let half = 1; half < n; half *= 2) {
    for (let i = 0; i < n; i += 2 * half) {
      for (let k = 0; k < half; ++k) {
        const angle = (-Math.PI * k) / half
        const [c, s] = [Math.cos(angle), Math.sin(angle)]
        const [a, b] = [start + (i + k) * stride, start + (i + k + half) * stride]
        const [x, y] = [re[b] as number, im[b] as number]
        const [u, v] = [x * c - y * s, x * s + y * c]
        re[b] = (re[a] as number) - u
        im[b] = (im[a] as number) - v
        re[a] = (re[a] as number) + u
        im[a] = (im[a] as number) + v
      }
    }
  }
}

/** Largest power of a field over n^dim lattice points, in units of the mean of white noise. */
function largestPower(values: Float64Array, n: number, dim: number): number {
  const re = values.slice()
  const im = new Float64Array(re.length)
  for (let axis = 0, stride = 1; axis < dim; ++axis, stride *= n) {
    for (let i = 0; i < re.length; ++i) {
      if (Math.floor(i / stride) % n === 0) transform(re, im, i, stride, n)
    }
  }
  const mean = values.reduce((sum, x) => sum + x * x, 0)
  return re.reduce((most, x, i) => Math.max(most, (x * x + (im[i] as number) ** 2) / mean), 0)
}

test('gradients of the integer hash are white over the lattice', async () => {
  const on = deviceOf('cpu')
  for (const [dim, n] of [
    [2, 128],
    [3, 32],
  ] as const) {
    const unskew = (1 - 1 / Math.sqrt(dim + 1)) / dim
    for (const seed of [0, 1, 2 ** 40 + 7]) {
      await using _ = scope()
      const count = n ** dim
      const points = new Float64Array(count * dim)
      for (let i = 0; i < count; ++i) {
        const cell = Array.from({ length: dim }, (_, k) => (Math.floor(i / n ** k) % n) - n / 2)
        const sum = cell.reduce((a, b) => a + b, 0)
        for (let k = 0; k < dim; ++k) points[i * dim + k] = (cell[k] as number) - unskew * sum
      }
      // At a lattice point only its own corner contributes: the derivative is its gradient.
      const at = tensor(points, { shape: [count, dim], dtype: 'float64', device: on })
      const { derivative } = simplexSample({ points: at, derivative: true, seed })
      const all = (await (derivative as Tensor).data()) as Float64Array
      const parts = Array.from({ length: dim }, (_, k) =>
        Float64Array.from({ length: count }, (_, i) => all[i * dim + k] as number),
      )
      const [first = new Float64Array(), second = new Float64Array()] = parts
      const products = [1, n, n + 1].flatMap((lag) =>
        [first, second].map((part) => part.map((x, i) => x * (first[(i + lag) % count] as number))),
      )
      // ln N is expected of white noise; e⁻¹² N … of N values exceed ln N + 12.
      const bound = Math.log(count) + 12
      for (const field of [...parts, ...products]) {
        const power = largestPower(field, n, dim)
        assert.ok(power < bound, `${dim}D, seed ${seed}: ${power} above ${bound}`)
      }
    }
  }
})

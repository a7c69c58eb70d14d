// SimplexNoise: tables, packages, kinds, derivatives, tiling, curl, and what it refuses.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createNoise2D, createNoise3D, createNoise4D } from 'simplex-noise'
import {
  type DeviceName,
  type FractalOptions,
  permutationTable,
  referenceTable,
  SimplexNoise,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { goldenNames, readGolden } from './support/golden.js'
import { runGolden } from './support/golden-run.js'
import { assertRefusal } from './support/refusals.js'

// The package draws its table with a random function: this one makes it draw ours.
function drawing(table: Uint8Array): () => number {
  const left = Uint8Array.from({ length: 256 }, (_, i) => i)
  let i = 0
  return () => {
    const r = left.indexOf(table[i] as number, i)
    left[r] = left[i] as number
    return (r - i++ + 0.5) / (256 - (i - 1))
  }
}

const packages = {
  2: (table: Uint8Array) => {
    const noise = createNoise2D(drawing(table))
    return (p: Float64Array, i: number) => noise(p[2 * i] as number, p[2 * i + 1] as number)
  },
  3: (table: Uint8Array) => {
    const noise = createNoise3D(drawing(table))
    return (p: Float64Array, i: number) =>
      noise(p[3 * i] as number, p[3 * i + 1] as number, p[3 * i + 2] as number)
  },
  4: (table: Uint8Array) => {
    const noise = createNoise4D(drawing(table))
    return (p: Float64Array, i: number) => {
      const [x, y, z, w] = p.subarray(4 * i, 4 * i + 4) as unknown as [
        number,
        number,
        number,
        number,
      ]
      return noise(x, y, z, w)
    }
  },
} as const

function pointsIn(
  seed: number,
  count: number,
  dim: number,
  [low, high] = [-500, 500],
): Float64Array {
  return generator(seed)
    .uniforms(count * dim)
    .map((u) => low + (high - low) * u)
}

const asTensor = (data: Float64Array, dim: number, device: DeviceName): Tensor =>
  tensor(data, { shape: [data.length / dim, dim], dtype: 'float64', device })

async function read(value: Tensor): Promise<Float64Array> {
  return Float64Array.from(await value.data())
}

describe('permutation tables', () => {
  test('a seed gives a permutation, always the same, and each seed another', () => {
    const seen = new Set<string>()
    for (const seed of [0, 1, 2, 2 ** 32, 2 ** 53 - 1]) {
      const table = permutationTable(seed)
      assert.equal(new Set(table).size, 256)
      assert.deepEqual(permutationTable(seed), table)
      seen.add(table.join())
    }
    assert.equal(seen.size, 5)
  })

  test('shuffles are uniform: every number is as likely at every place', () => {
    const counts = new Float64Array(256 * 256)
    const tables = 2560
    for (let seed = 0; seed < tables; ++seed) {
      for (const [place, value] of permutationTable(seed).entries()) {
        counts[256 * place + value] = (counts[256 * place + value] as number) + 1
      }
    }
    const expected = tables / 256
    const chiSquared = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    // 255² degrees of freedom: mean 65025, standard deviation 361
    assert.ok(Math.abs(chiSquared - 65025) < 4 * 361, `chi² ${chiSquared}`)
  })

  test('the table of the package noise is a permutation', () => {
    assert.equal(new Set(referenceTable()).size, 256)
    assert.deepEqual([...referenceTable().subarray(0, 4)], [151, 160, 137, 91])
  })
})

onEveryDevice('SimplexNoise', (device) => {
  for (const dim of [2, 3, 4] as const) {
    test(`${dim}D equals the npm package simplex-noise`, async () => {
      const [seeds, count] = emulated ? [2, 3000] : [20, 100_000]
      for (let seed = 0; seed < seeds; ++seed) {
        await using _ = scope()
        using noise = new SimplexNoise({ variant: 'simplex-noise', seed, device })
        const points = pointsIn(seed, count, dim)
        const got = await noise.sample(asTensor(points, dim, device)).data()
        const want = packages[dim](noise.table as Uint8Array)
        let worst = 0
        for (let i = 0; i < count; ++i) {
          const difference = Math.abs((got[i] as number) - want(points, i))
          if (!(difference <= worst)) worst = difference
        }
        assert.ok(worst <= 1e-6, `seed ${seed}: largest difference ${worst}`)
      }
    })
  }

  for (const name of goldenNames(/^simplex-/)) {
    for (const dtype of ['float64', 'float32'] as const) {
      test(`golden case ${name} in ${dtype}`, async () => {
        const golden = await readGolden(name)
        const args = golden.args as {
          variant: 'simplex-noise' | 'noise'
          kernel?: number
          shape?: number[]
          origin?: number[]
          step?: number[]
          kind?: FractalOptions['kind']
          octaves?: number
          gain?: number
          lacunarity?: number
        }
        const table = golden.arrays.get('in.table')?.data as Uint8Array
        const kernel = args.kernel === 0.5 || args.kernel === 0.6 ? args.kernel : undefined
        using noise = new SimplexNoise({ variant: args.variant, table, kernel, dtype, device })
        const { kind, octaves, lacunarity, gain: persistence } = args
        await runGolden(golden, {
          device,
          dtype,
          compute: (inputs): Record<string, Tensor> => {
            const points = inputs.get('points')
            if (!points) {
              const { shape = [], origin, step } = args
              return { value: noise.grid(shape, { origin, step }) }
            }
            const options = { kind, octaves, lacunarity, persistence }
            return {
              value: noise.sample(points, options),
              derivative: noise.gradient(points.detach(), options).gradient,
            }
          },
        })
      })
    }
  }

  test('the variant noise has its own table unless a seed or a table is given', () => {
    using own = new SimplexNoise({ variant: 'noise', device })
    assert.deepEqual(own.table, referenceTable())
    using seeded = new SimplexNoise({ variant: 'noise', seed: 3, device })
    assert.deepEqual(seeded.table, permutationTable(3))
    using integer = new SimplexNoise({ seed: 3, device })
    assert.equal(integer.table, null)
    assert.equal(integer.hash, 'integer')
    assert.equal(integer.kernel, 0.5)
  })

  test('a table is copied', async () => {
    await using _ = scope()
    const table = permutationTable(8)
    using noise = new SimplexNoise({ table, device })
    table.reverse()
    assert.deepEqual(noise.table, permutationTable(8))
  })

  test('equal seeds give equal fields, others give fields that are not correlated', async () => {
    await using _ = scope()
    const shape = emulated ? [48, 48] : [256, 256]
    const fields: Float64Array[] = []
    for (const seed of [1, 1, 2, 3, 2 ** 32 + 1]) {
      using noise = new SimplexNoise({ seed, device })
      fields.push(await read(noise.grid(shape, { step: 0.37, origin: 3 })))
    }
    const [first, again, ...others] = fields as [Float64Array, Float64Array, ...Float64Array[]]
    assertSameBits(first, again, 'the same seed')
    for (const other of others) {
      const correlation = correlate(first, other)
      // About one independent value for each of (0.37 n)² cells.
      const cells = (0.37 * (shape[0] as number)) ** 2
      assert.ok(Math.abs(correlation) < 5 / Math.sqrt(cells), `correlation ${correlation}`)
    }
  })

  test('a grid has the values of sample at its points', async () => {
    await using _ = scope()
    for (const shape of [[23], [7, 9], [4, 5, 6], [3, 4, 2, 5]]) {
      const dim = shape.length
      const origin = [1.25, -7.5, 0.125, 3].slice(0, dim)
      const step = [0.375, 0.5, 0.8125, 0.25].slice(0, dim)
      const points: number[] = []
      for (let i = 0; i < shape.reduce((a, b) => a * b); ++i) {
        let rest = i
        const index = shape.map(() => 0)
        for (let axis = dim - 1; axis >= 0; --axis) {
          index[axis] = rest % (shape[axis] as number)
          rest = Math.floor(rest / (shape[axis] as number))
        }
        points.push(
          ...index.map((k, axis) => (origin[axis] as number) + k * (step[axis] as number)),
        )
      }
      const options = { octaves: 3, kind: 'ridged', warp: 0.3 } as const
      using noise = new SimplexNoise({ seed: 4, dtype: 'float64', device })
      const at = asTensor(Float64Array.from(points), dim, device)
      const grid = noise.gridGradient(shape, { origin, step, ...options })
      const sampled = noise.gradient(at, options)
      assert.deepEqual(grid.value.shape, shape)
      assert.deepEqual(grid.gradient.shape, [...shape, dim])
      assertClose(await read(grid.value), await read(sampled.value), 1e-12, `${shape}`)
      assertClose(await read(grid.gradient), await read(sampled.gradient), 1e-12, `${shape}`)
      const plain = noise.grid(shape, { origin, step, ...options })
      assertSameBits(await read(plain), await read(grid.value), 'with and without the gradient')
    }
  })

  for (const [kind, low, high] of [
    ['fbm', -1, 1],
    ['billow', 0, 1],
    ['ridged', 0, 1],
    ['ping-pong', -1, 1],
    ['turbulence', 0, 1.75],
  ] as const) {
    test(`${kind} stays in [${low}, ${high}]`, async () => {
      const side = emulated ? 12 : 60
      for (const shape of [[side ** 2], [side, side], [side, side, 4], [side, 6, 5, 4]]) {
        await using _ = scope()
        for (const options of [{ seed: 9 }, { variant: 'simplex-noise' as const }]) {
          using noise = new SimplexNoise({ ...options, dtype: 'float64', device })
          const field = await read(noise.grid(shape, { kind, octaves: 3, step: 0.317 }))
          const extremes = [Math.min(...field), Math.max(...field)]
          assert.ok((extremes[0] as number) >= low - 1e-9, `${shape}: ${extremes}`)
          assert.ok((extremes[1] as number) <= high + 1e-9, `${shape}: ${extremes}`)
        }
      }
    })
  }

  test('offsets move an octave', async () => {
    await using _ = scope()
    using noise = new SimplexNoise({ seed: 2, dtype: 'float64', device })
    const points = pointsIn(1, 40, 2)
    const moved = points.map((x, i) => x + (i % 2 ? -3.25 : 1.5))
    const plain = await read(noise.sample(asTensor(moved, 2, device)))
    const offset = noise.sample(asTensor(points, 2, device), { offsets: [[1.5, -3.25]] })
    assertClose(await read(offset), plain, 1e-12, 'one octave')
  })

  test('NaN and infinite coordinates give NaN, and only there', async () => {
    await using _ = scope()
    for (const dim of [1, 2, 3, 4]) {
      for (const variant of [undefined, 'simplex-noise'] as const) {
        using noise = new SimplexNoise({ variant, device })
        for (const dtype of ['float32', 'float64'] as const) {
          const data = pointsIn(dim, 40, dim)
          for (const [i, bad] of [Number.NaN, Infinity, -Infinity].entries()) {
            data[dim * (7 + 11 * i) + (dim - 1)] = bad
          }
          const at = tensor(data, { shape: [40, dim], dtype, device })
          const value = await noise.sample(at, { octaves: 2 }).data()
          for (const [i, n] of value.entries()) {
            assert.equal(
              Number.isNaN(n),
              [7, 18, 29].includes(i),
              `${dim}D ${dtype}: point ${i}: ${n}`,
            )
          }
        }
      }
    }
  })

  test('the lattice holds at huge coordinates in float64', async () => {
    await using _ = scope()
    using table = new SimplexNoise({ variant: 'simplex-noise', seed: 1, dtype: 'float64', device })
    for (const dim of [2, 3, 4] as const) {
      const count = 200
      const points = pointsIn(dim, count, dim, [1e6, 1.9e6])
      const want = packages[dim](table.table as Uint8Array)
      const got = await table.sample(asTensor(points, dim, device)).data()
      const expected = Float64Array.from({ length: count }, (_, i) => want(points, i))
      assertClose(got, expected, 1e-6, `${dim}D`)
    }
    using integer = new SimplexNoise({ seed: 1, device })
    for (const magnitude of [1e9, 1e15, 1e300]) {
      const value = await integer
        .sample(asTensor(Float64Array.of(magnitude, -magnitude), 2, device))
        .data()
      assert.ok(
        value.every((n) => Number.isNaN(n) || Math.abs(n) <= 1),
        `${magnitude}: ${value}`,
      )
    }
  })

  test('no points are no noise', () => {
    using noise = new SimplexNoise({ device })
    assert.deepEqual(noise.sample(tensor([], { shape: [0, 3], device })).shape, [0])
  })

  test('bad input is refused by name', () => {
    using noise = new SimplexNoise({ device })
    const points = tensor([1, 2], { shape: [1, 2], device })
    const broken = permutationTable(1)
    broken[7] = broken[8] as number
    const cases: readonly (readonly [string, string, readonly string[], () => unknown])[] = [
      ['a grid without axes', 'ERR_SHAPE', ['shape'], () => noise.grid([])],
      ['five axes', 'ERR_SHAPE', ['shape'], () => noise.grid([1, 1, 1, 1, 1])],
      ['an empty axis', 'ERR_SHAPE', ['shape'], () => noise.grid([4, 0])],
      ['a negative size', 'ERR_SHAPE', ['shape'], () => noise.grid([4, -1])],
      ['half a size', 'ERR_SHAPE', ['shape'], () => noise.grid([4, 1.5])],
      ['no shape', 'ERR_SHAPE', ['shape'], () => noise.grid(4 as never)],
      ['0D points', 'ERR_SHAPE', ['points'], () => noise.sample(points.reshape([2]))],
      [
        '5D points',
        'ERR_SHAPE',
        ['points'],
        () => noise.sample(tensor([1, 2, 3, 4, 5], { shape: [1, 5], device })),
      ],
      [
        'no coordinates',
        'ERR_SHAPE',
        ['points'],
        () => noise.sample(tensor([], { shape: [3, 0], device })),
      ],
      [
        'integer points',
        'ERR_DTYPE',
        ['points'],
        () => noise.sample(tensor([1, 2], { shape: [1, 2], dtype: 'int32', device })),
      ],
      ['octaves 0', 'ERR_SHAPE', ['octaves'], () => noise.sample(points, { octaves: 0 })],
      ['half an octave', 'ERR_SHAPE', ['octaves'], () => noise.sample(points, { octaves: 1.5 })],
      [
        'negative persistence',
        'ERR_VALUE',
        ['persistence'],
        () => noise.sample(points, { persistence: -1 }),
      ],
      ['lacunarity 0', 'ERR_VALUE', ['lacunarity'], () => noise.sample(points, { lacunarity: 0 })],
      [
        'an unknown kind',
        'ERR_VALUE',
        ['kind'],
        () => noise.sample(points, { kind: 'pink' as never }),
      ],
      [
        'strength without ping-pong',
        'ERR_VALUE',
        ['strength'],
        () => noise.sample(points, { strength: 2 }),
      ],
      ['an infinite warp', 'ERR_VALUE', ['warp'], () => noise.sample(points, { warp: Infinity })],
      ['a negative period', 'ERR_SHAPE', ['period'], () => noise.sample(points, { period: -4 })],
      ['half a period', 'ERR_SHAPE', ['period'], () => noise.sample(points, { period: 1.5 })],
      [
        'periods of other axes',
        'ERR_SHAPE',
        ['period'],
        () => noise.sample(points, { period: [4] }),
      ],
      [
        'a period that octaves break',
        'ERR_VALUE',
        ['lacunarity'],
        () => noise.sample(points, { period: 4, octaves: 2, lacunarity: 1.5 }),
      ],
      ['a tile without period', 'ERR_SHAPE', ['period'], () => noise.tile([8], { period: 0 })],
      [
        'offsets of other octaves',
        'ERR_SHAPE',
        ['offsets'],
        () => noise.sample(points, { offsets: [] }),
      ],
      [
        'an origin of other axes',
        'ERR_SHAPE',
        ['origin'],
        () => noise.grid([4, 4], { origin: [1] }),
      ],
      [
        'a step that is not a number',
        'ERR_VALUE',
        ['step'],
        () => noise.grid([4, 4], { step: Number.NaN }),
      ],
      ['the curl of a line', 'ERR_SHAPE', ['dimensions'], () => noise.curl(points.reshape([2, 1]))],
      ['the curl of a 4D grid', 'ERR_SHAPE', ['dimensions'], () => noise.curlGrid([2, 2, 2, 2])],
      ['a negative seed', 'ERR_SHAPE', ['seed'], () => new SimplexNoise({ seed: -1, device })],
      [
        'a short table',
        'ERR_VALUE',
        ['table'],
        () => new SimplexNoise({ table: new Uint8Array(255), device }),
      ],
      [
        'a table with a repeated number',
        'ERR_VALUE',
        ['permutation'],
        () => new SimplexNoise({ table: broken, device }),
      ],
      [
        'a table of numbers',
        'ERR_DTYPE',
        ['table'],
        () => new SimplexNoise({ table: [...permutationTable(1)] as never, device }),
      ],
      [
        'a table for the integer hash',
        'ERR_VALUE',
        ['table'],
        () => new SimplexNoise({ hash: 'integer', table: permutationTable(1), device }),
      ],
      [
        'a seed beside a table',
        'ERR_VALUE',
        ['seed'],
        () => new SimplexNoise({ seed: 1, table: permutationTable(1), device }),
      ],
      [
        'an unknown variant',
        'ERR_VALUE',
        ['variant'],
        () => new SimplexNoise({ variant: 'perlin' as never, device }),
      ],
      [
        'an unknown hash',
        'ERR_VALUE',
        ['hash'],
        () => new SimplexNoise({ hash: 'md5' as never, device }),
      ],
      [
        'another kernel',
        'ERR_VALUE',
        ['kernel'],
        () => new SimplexNoise({ kernel: 0.7 as never, device }),
      ],
      [
        'a half type',
        'ERR_DTYPE',
        ['dtype'],
        () => new SimplexNoise({ dtype: 'float16' as never, device }),
      ],
    ]
    const live = noise.device.memory().live
    for (const [title, code, words, call] of cases) {
      let error: unknown
      try {
        call()
      } catch (thrown) {
        error = thrown
      }
      assertRefusal(error, { title, codes: [code], prefix: 'simplex', words })
    }
    const left = noise.device.memory().live - live
    assert.ok(left <= 4096, `${left} bytes stay in use`)
    noise.dispose()
    assert.throws(() => noise.grid([4]), { code: 'ERR_DISPOSED' })
  })
})

function correlate(a: Float64Array, b: Float64Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; ++i) {
    ab += (a[i] as number) * (b[i] as number)
    aa += (a[i] as number) ** 2
    bb += (b[i] as number) ** 2
  }
  return ab / Math.sqrt(aa * bb)
}

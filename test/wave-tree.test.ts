// The treecode of the wave field: against the definition, on surfaces, solids, curves and clumps; its
// gradient; the error that it measures of itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type DeviceName,
  DisposedError,
  DtypeError,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  ValueError,
  WaveTree,
} from '../lib/index.js'
import { clusterTree } from '../lib/waves/cluster-tree.js'
import { runProgram } from './support/child.js'
import { assertClose, assertSameBits, generator, relativeError } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import { checkGradients } from './support/gradient-check.js'
import { prepareCall } from './support/operation-call.js'
import { hashOfTree } from './support/wave-tree-hash.js'

type Real = 'float64' | 'float32'

const kMany = emulated ? 200 : 1200

/** Places of N nodes: planes (3, N). */
const shapes: Readonly<Record<string, (nodes: number) => Float64Array>> = {
  'a sphere': (nodes) => {
    const { uniform } = generator(3)
    return planes(nodes, () => {
      const z = 2 * uniform() - 1
      const angle = 2 * Math.PI * uniform()
      const radius = Math.sqrt(1 - z * z)
      return [radius * Math.cos(angle), radius * Math.sin(angle), z]
    })
  },
  'the helix sphere': (nodes) =>
    planes(nodes, (i) => {
      const u = (2 * Math.PI * i) / nodes
      const polar = Math.PI * (1 + Math.cos(u))
      const around = 3.8 * u + u / 2
      return [
        Math.sin(polar) * Math.cos(around),
        Math.sin(polar) * Math.sin(around),
        Math.cos(polar),
      ]
    }),
  'a cube': (nodes) => {
    const { uniform } = generator(4)
    return planes(nodes, () => [uniform(), uniform(), uniform()])
  },
  'a line': (nodes) => {
    const { uniform } = generator(5)
    return planes(nodes, () => {
      const along = 3 * uniform()
      return [along, 2 * along, -along]
    })
  },
  clumps: (nodes) => {
    const { uniform, normal } = generator(6)
    return planes(nodes, () => {
      const clump = Math.floor(8 * uniform())
      const width = 10 ** -(clump % 4)
      return [clump + width * normal(), width * normal(), width * normal()]
    })
  },
  'nodes that coincide': (nodes) =>
    planes(nodes, (i) => (i % 3 === 0 ? [1, 2, 3] : [(i % 7) / 7, (i % 5) / 5, 0])),
  'a single place': (nodes) => planes(nodes, () => [0.1, 0.2, 0.3]),
}

function placesOf(shape: string, nodes: number): Float64Array {
  const place = shapes[shape]
  if (!place) throw new Error(`no shape ${shape}`)
  return place(nodes)
}

function planes(nodes: number, place: (i: number) => readonly [number, number, number]) {
  const positions = new Float64Array(3 * nodes)
  for (let i = 0; i < nodes; ++i) {
    for (const [axis, x] of place(i).entries()) positions[axis * nodes + i] = x
  }
  return positions
}

/** U (M, 2, N) by the double loop. */
function direct(positions: ArrayLike<number>, sources: ArrayLike<number>, k = 3, softening = 0.05) {
  const nodes = positions.length / 3
  const samples = sources.length / (2 * nodes)
  const potential = new Float64Array(sources.length)
  const at = (axis: number, i: number) => positions[axis * nodes + i] as number
  for (let i = 0; i < nodes; ++i) {
    for (let j = 0; j < nodes; ++j) {
      const [x, y, z] = [at(0, i) - at(0, j), at(1, i) - at(1, j), at(2, i) - at(2, j)]
      const d = Math.sqrt(x * x + y * y + z * z) + softening
      const [c, s] = [Math.cos(k * d) / d, Math.sin(k * d) / d]
      for (let m = 0; m < 2 * samples * nodes; m += 2 * nodes) {
        const [re, im] = [sources[m + j] as number, sources[m + nodes + j] as number]
        potential[m + i] = (potential[m + i] as number) + c * re + s * im
        potential[m + nodes + i] = (potential[m + nodes + i] as number) + c * im - s * re
      }
    }
  }
  return potential
}

interface System {
  device: DeviceName
  dtype?: Real
  places: Float64Array
  samples?: number
}

// Positions and sources as the dtype holds them, and their tensors.
function systemOf({ device, dtype = 'float64', places, samples = 1 }: System) {
  const round = (data: Float64Array) => (dtype === 'float32' ? Float32Array.from(data) : data)
  const nodes = places.length / 3
  const x = round(places)
  const q = round(generator(11).normals(2 * samples * nodes))
  const positions = tensor(x, { shape: [3, nodes], dtype, device })
  const sources = tensor(q, { shape: [samples, 2, nodes], dtype, device })
  return { x, q, positions, sources, nodes }
}

onEveryDevice('treecode', (device) => {
  for (const [shape, place] of Object.entries(shapes)) {
    test(`sums over ${shape} err by what was asked for`, async () => {
      await using _ = scope()
      const { x, q, positions, sources } = systemOf({ device, places: place(kMany) })
      const want = direct(x, q)
      for (const error of [1e-2, 1e-4, 1e-7]) {
        using tree = await WaveTree.build({ positions, error, leaf: 24 })
        assert.ok(tree.reached, `${shape}: ${tree.error} of ${error}`)
        // The tree measures at a sample and for sources of its own.
        assertClose(await tree.sum(sources).data(), want, 2 * error, `${shape}, ${error}`)
      }
    })
  }

  test('a tree whose clusters meet by proxies errs, and by less with more of them', async () => {
    await using _ = scope()
    const { x, q, positions, sources } = systemOf({ device, places: placesOf('a line', kMany) })
    const want = direct(x, q)
    const errors = []
    for (const error of [1e-2, 1e-5]) {
      using tree = await WaveTree.build({ positions, error, leaf: 16 })
      assert.ok(tree.clusters > 4 && tree.order > 1)
      errors.push(relativeError(await tree.sum(sources).data(), want))
    }
    const [coarse, fine] = errors as [number, number]
    assert.ok(coarse > 1e-9 && fine < coarse / 10, `${coarse}, ${fine}`)
  })

  test('any number of nodes and samples', async () => {
    for (const nodes of [1, 2, 31, 1023]) {
      for (const samples of nodes === 31 ? [1, 2, 3, 7] : [1]) {
        await using _ = scope()
        const places = placesOf('a sphere', nodes)
        const { x, q, positions, sources } = systemOf({ device, places, samples })
        using tree = await WaveTree.build({ positions, error: 1e-6, leaf: 8 })
        assert.equal(tree.nodes, nodes)
        const want = direct(x, q)
        assertClose(await tree.sum(sources).data(), want, 1e-5, `N = ${nodes}, M = ${samples}`)
      }
    }
  })

  test('another wavenumber and softening, where few clusters are small for a wave', async () => {
    await using _ = scope()
    const { x, q, positions, sources } = systemOf({ device, places: placesOf('a cube', kMany) })
    const medium = { wavenumber: 40, softening: 0.01 }
    using tree = await WaveTree.build({ positions, error: 1e-4, leaf: 24, ...medium })
    assert.ok(tree.reached)
    assertClose(await tree.sum(sources).data(), direct(x, q, 40, 0.01), 2e-4, 'k = 40')
  })

  test('float32 reaches an error of 1e-5 and says where it cannot', async () => {
    await using _ = scope()
    const places = placesOf('a sphere', kMany)
    const { x, q, positions, sources } = systemOf({ device, dtype: 'float32', places })
    using tree = await WaveTree.build({ positions, error: 1e-5 })
    assert.ok(tree.reached, String(tree.error))
    assertClose(await tree.sum(sources).data(), direct(x, q), 2e-5, 'float32')
    using finest = await WaveTree.build({ positions, error: 1e-9, leaf: 24 })
    assert.ok(!finest.reached && finest.error > 1e-9, String(finest.error))
    assert.equal(finest.requested, 1e-9)
    assertClose(await finest.sum(sources).data(), direct(x, q), 1e-5, 'its best')
  })

  test('gradients of the sources against differences, and against the direct sum', async () => {
    await using _ = scope()
    const places = placesOf('a line', 60)
    const { x, positions } = systemOf({ device, places })
    using tree = await WaveTree.build({ positions, error: 1e-5, leaf: 8 })
    const data = generator(8).normals(2 * 2 * 60)
    await checkGradients(device, { q: { shape: [2, 2, 60], data } }, ({ q }) => [
      tree.sum(q as Tensor),
    ])
    const q = tensor(data, { shape: [2, 2, 60], dtype: 'float64', device, requiresGrad: true })
    const g = generator(9).normals(data.length)
    tree.sum(q).backward(tensor(g, { shape: [2, 2, 60], dtype: 'float64', device }))
    // conj(G conj g) is the sum with −k.
    assertClose(await (q.grad as Tensor).data(), direct(x, g, -3), 1e-4, '∂L/∂q')
  })

  test('two trees of the same nodes give the same bits, whatever else they sum', async () => {
    await using _ = scope()
    const places = placesOf('the helix sphere', kMany)
    const { positions, sources } = systemOf({ device, dtype: 'float32', places, samples: 3 })
    using tree = await WaveTree.build({ positions, leaf: 24 })
    using again = await WaveTree.build({ positions, leaf: 24 })
    const first = await tree.sum(sources).data()
    assertSameBits(first, await tree.sum(sources).data(), 'the same tree')
    assertSameBits(first, await again.sum(sources).data(), 'another tree')
  })

  test('a tree keeps its nodes where the tensor changes', async () => {
    await using _ = scope()
    const { x, q, positions, sources } = systemOf({ device, places: placesOf('a line', 100) })
    using tree = await WaveTree.build({ positions, error: 1e-7 })
    positions.set(new Float64Array(300))
    positions.dispose()
    assertClose(await tree.sum(sources).data(), direct(x, q), 1e-6, 'after the change')
  })

  test('wrong arguments', async () => {
    await using _ = scope()
    const { positions, sources } = systemOf({ device, places: placesOf('a cube', 40) })
    const like = { dtype: 'float64', device } as const
    const flat = tensor(new Float64Array(80), { shape: [2, 40], ...like })
    await assert.rejects(WaveTree.build({ positions: flat }), ShapeError)
    const whole = tensor(new Int32Array(30), { shape: [3, 10], dtype: 'int32', device })
    await assert.rejects(WaveTree.build({ positions: whole }), DtypeError)
    const broken = tensor([1, 2, Number.NaN], { shape: [3, 1], ...like })
    await assert.rejects(WaveTree.build({ positions: broken }), {
      code: 'ERR_VALUE',
      message: 'WaveTree: positions must be finite numbers, got NaN at element 2',
    })
    const none = tensor([], { shape: [3, 0], ...like })
    await assert.rejects(WaveTree.build({ positions: none }), ShapeError)
    for (const wrong of [{ error: 0 }, { softening: 0 }, { wavenumber: Infinity }, { leaf: 0 }]) {
      await assert.rejects(WaveTree.build({ positions, ...wrong }), ValueError)
    }
    const tree = await WaveTree.build({ positions })
    assert.throws(() => tree.sum(flat), ShapeError)
    const narrow = tensor(new Float32Array(80), { shape: [1, 2, 40], device })
    assert.throws(() => tree.sum(narrow), DtypeError)
    tree.dispose()
    tree.dispose()
    assert.throws(() => tree.sum(sources), DisposedError)
  })

  test('lists that are not those of a tree are a fault, and nothing is read beyond them', async () => {
    const wrong: Readonly<Record<string, readonly number[]>> = {
      nodeOrder: [0, 1, 2, 3, 4, 1 << 30],
      orders: [1, 1, 1, 17, 1, 1, 3, 1, 1],
      nodeStart: [0, 6, 0, 3, 3, 1 << 30],
      firstChild: [2, -1, -1],
      levelStart: [0, -5, 3],
      proxyStart: [0, 1, 4, 1 << 30],
      farStart: [0, 0, 1 << 30, 2],
      far: [1 << 30, 1],
      nearStart: [0, 0, -1, 2],
      near: [1, -7],
    }
    for (const [field, values] of Object.entries(wrong)) {
      await using _ = scope()
      const call = prepareCall('waveTreeSum', { real: 'float32', device })
      call.tensors.get(field)?.set(values)
      call.run()
      await assert.rejects((call.tensors.get('potential') as Tensor).data(), {
        code: 'ERR_VALUE',
        message: /^waveTreeSum: the clusters and their lists must be those of a tree, got /,
      })
    }
  })
})

describe('treecode', () => {
  test('any number of threads gives the same bits', async () => {
    const hashes = new Set<string>()
    for (const threads of ['1', '2', '3']) {
      const program = `
        const { hashOfTree } = await import('${new URL('./support/wave-tree-hash.js', import.meta.url).href}')
        console.log(await hashOfTree())`
      const { stdout, stderr } = await runProgram(program, { env: { ENTRAIN_THREADS: threads } })
      assert.equal(stderr, '')
      hashes.add(stdout.trim())
    }
    hashes.add(await hashOfTree())
    assert.equal(hashes.size, 1)
  })

  test('clusters are halves of their parents and hold each node once', () => {
    for (const [shape, place] of Object.entries(shapes)) {
      const positions = place(1000)
      const tree = clusterTree(positions, () => 16)
      assert.deepEqual(
        [...tree.nodeOrder].sort((a, b) => a - b),
        Array.from({ length: 1000 }, (_, i) => i),
        shape,
      )
      assert.ok(tree.levels <= 8, `${shape}: ${tree.levels}`)
      for (let c = 0; c < tree.clusters; ++c) {
        const child = tree.firstChild[c] as number
        if (child < 0) continue
        const bounds = [...tree.nodeStart.subarray(2 * child, 2 * child + 4)]
        const [begin, end] = tree.nodeStart.subarray(2 * c, 2 * c + 2) as unknown as [
          number,
          number,
        ]
        assert.deepEqual([bounds[0], bounds[1], bounds[3]], [begin, bounds[2], end], shape)
      }
    }
  })
})

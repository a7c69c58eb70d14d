// The Möbius sphere against its golden cases, and what it promises beyond them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeviceName,
  MobiusSphere,
  type MobiusSphereOptions,
  mobiusLattice,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { assertClose, assertSameBits } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden } from './support/golden.js'
import { bytesOf } from './support/refusals.js'

const dtypes = ['float64', 'float32'] as const
type Full = (typeof dtypes)[number]
const tolerances = { float64: 1e-9, float32: 1e-5 }

const numbersOf = (golden: GoldenCase, key: string) =>
  (golden.arrays.get(key) as { data: Float64Array | Int32Array }).data
const rowOf = (golden: GoldenCase, key: string, cycle: number) => {
  const { data, shape } = golden.arrays.get(key) as { data: Float64Array; shape: number[] }
  const width = data.length / (shape[0] as number)
  return data.subarray(cycle * width, (cycle + 1) * width)
}
// Where a magnitude is 0 but for rounding a phase is anything: only whole turns are taken out.
const nearestTurn = (got: ArrayLike<number>, want: ArrayLike<number>) =>
  Float64Array.from(got, (x, i) => {
    const turn = 2 * Math.PI
    return x - turn * Math.round((x - (want[i] as number)) / turn)
  })

async function evolvesAs(
  golden: GoldenCase,
  { dtype, device }: { dtype: Full; device: DeviceName },
) {
  const options = golden.args as MobiusSphereOptions
  const nodes = numbersOf(golden, 'in.amplitudes').length
  for (const exactVortices of [false, true]) {
    using sphere = new MobiusSphere({ ...options, nodes, exactVortices, dtype, device })
    for (const key of ['amplitudes', 'frequencies', 'phases'] as const) {
      sphere[key].set(numbersOf(golden, `in.${key}`))
    }
    const close = (got: ArrayLike<number>, want: ArrayLike<number>, what: string) =>
      assertClose(got, want, tolerances[dtype], `${golden.name} in ${dtype} on ${device}: ${what}`)
    for (const [cycle, time] of numbersOf(golden, 'in.times').entries()) {
      await using _ = scope()
      const [windings, torsion] = rowOf(golden, 'in.structures', cycle)
      sphere.evolve({
        action: tensor(rowOf(golden, 'in.actions', cycle), { dtype, device }),
        structure: { windings, torsion },
        time,
        indices: tensor(rowOf(golden, 'in.indices', cycle), { dtype: 'int32', device }),
      })
      const at = `of cycle ${cycle}`
      const report = await sphere.report()
      close(
        [report.windings, report.torsion],
        rowOf(golden, 'out.structure', cycle),
        `structure ${at}`,
      )
      close(
        [report.builtWindings, report.builtTorsion],
        rowOf(golden, 'out.built', cycle),
        `built ${at}`,
      )
      close(await sphere.field.data(), rowOf(golden, 'out.field', cycle), `field ${at}`)
      const state = await sphere.state().data()
      const wanted = rowOf(golden, 'out.state', cycle)
      close(state.subarray(0, 128), wanted.subarray(0, 128), `magnitudes ${at}`)
      const phases = wanted.subarray(128)
      close(nearestTurn(state.subarray(128), phases), phases, `phases ${at}`)
      const key = exactVortices ? 'out.exactVortices' : 'out.vortices'
      assert.equal(report.vortices, numbersOf(golden, key)[cycle], `vortices ${at}`)
      assert.equal(report.cycle, cycle + 1)
      if (!exactVortices) close([report.reward], rowOf(golden, 'out.reward', cycle), `reward ${at}`)
    }
    close(await sphere.amplitudes.data(), numbersOf(golden, 'out.amplitudes'), 'amplitudes')
    close(await sphere.positions.data(), numbersOf(golden, 'out.positions'), 'positions')
  }
}

/** The bytes of everything that a sphere holds. */
const bytesOfSphere = async (sphere: MobiusSphere) =>
  await bytesOf([...sphere.namedTensors().values(), sphere.vortices, sphere.reward])

async function firstNumbers(from: Tensor, count: number) {
  return (await from.data()).slice(0, count)
}

onEveryDevice('Möbius sphere', (device) => {
  for (const name of goldenNames(/^lattice-/)) {
    test(`${name} is the lattice of the reference`, async () => {
      const golden = await readGolden(name)
      const options = golden.args as { nodes: number; windings: number; torsion: number }
      for (const dtype of dtypes) {
        await using _ = scope()
        const positions = mobiusLattice({ ...options, dtype, device })
        assert.deepEqual(positions.shape, [3, options.nodes])
        const want = numbersOf(golden, 'out.positions')
        assertClose(await positions.data(), want, tolerances[dtype], `${name} in ${dtype}`)
      }
    })
  }

  test('the lattice of an even number of nodes meets itself at a pole exactly', async () => {
    for (const dtype of dtypes) {
      for (const [nodes, windings, torsion] of [
        [2, 3.8, 0],
        [1024, 149.7, 2.9],
        [1000, 20.5, 1.25],
      ] as const) {
        await using _ = scope()
        const positions = mobiusLattice({ nodes, windings, torsion, radius: 1.7, dtype, device })
        const x = await positions.data()
        for (const axis of [0, 1, 2]) {
          const [first, meeting] = [x[axis * nodes], x[axis * nodes + nodes / 2]]
          assert.ok(first === meeting, `axis ${axis} of ${nodes}: ${first} and ${meeting}`)
        }
      }
    }
  })

  for (const name of goldenNames(/^evolve-/)) {
    for (const dtype of dtypes) {
      test(`${name} evolves as the reference in ${dtype}`, async () => {
        await evolvesAs(await readGolden(name), { dtype, device })
      })
    }
  }

  for (const nodes of [1, 31, 1023]) {
    test(`${nodes} nodes: two runs have the same bits, and every number is finite`, async () => {
      const runs = []
      for (const _ of [0, 1]) {
        await using _ = scope()
        using sphere = new MobiusSphere({ nodes, seed: 7, stateSpacing: 'even', device })
        for (const time of [0.5, 1e9]) {
          sphere.evolve({ action: tensor([3], { device }), structure: { windings: 90 }, time })
        }
        runs.push(`${await bytesOfSphere(sphere)} ${await bytesOf([sphere.state()])}`)
        assert.ok((await sphere.field.data()).every(Number.isFinite))
        assert.ok((await sphere.state().data()).every(Number.isFinite))
        assert.ok(Number.isFinite((await sphere.report()).reward))
        const amplitudes = await sphere.amplitudes.data()
        assert.ok(Math.abs((amplitudes[0] as number) - 2.12) < 1e-6)
        if (nodes > 1) assert.equal(amplitudes[1], 2)
      }
      assert.equal(runs[0], runs[1])
    })
  }

  test('nodes are drawn as the options say: A = 2, φ uniform, ω normal', async () => {
    using sphere = new MobiusSphere({ nodes: 4000, seed: 3, dtype: 'float64', device })
    assert.ok((await sphere.amplitudes.data()).every((a) => a === 2))
    const mean = (values: ArrayLike<number>, of = (x: number) => x) =>
      Array.from(values, of).reduce((sum, x) => sum + x, 0) / values.length
    const frequencies = await sphere.frequencies.data()
    const centre = mean(frequencies)
    assert.ok(Math.abs(centre - 1.5) < 0.02, `mean ${centre}`)
    const deviation = Math.sqrt(mean(frequencies, (x) => (x - centre) ** 2))
    assert.ok(Math.abs(deviation - 0.3) < 0.015, `deviation ${deviation}`)
    const phases = await sphere.phases.data()
    assert.ok(phases.every((x) => x >= 0 && x < 2 * Math.PI))
    assert.ok(Math.abs(mean(phases) - Math.PI) < 0.15)
    // A zero field is all vortices.
    assert.deepEqual(await sphere.report(), {
      cycle: 0,
      vortices: 4000,
      density: 1,
      reward: 100,
      windings: 3.8,
      torsion: 0,
      builtWindings: 3.8,
      builtTorsion: 0,
      clampedWishes: 0,
    })
  })

  test('skipping computes the field in every so many cycles, counted from the first', async () => {
    using sphere = new MobiusSphere({ nodes: 120, skipInterval: 3, device })
    let before = await sphere.field.data()
    for (let cycle = 1; cycle <= 7; ++cycle) {
      sphere.evolve({ time: cycle })
      assert.equal(sphere.cycle, cycle)
      const field = await sphere.field.data()
      if (cycle % 3 === 0) assert.notDeepEqual(field, before, `cycle ${cycle} must compute`)
      else assertSameBits(field, before, `cycle ${cycle} must not compute`)
      before = field
    }
  })

  test('a sample has its size, and its values are those of the whole field', async () => {
    const nodes = 700
    const options = { nodes, seed: 5, device } as const
    const whole = async (time: number) => {
      using sphere = new MobiusSphere(options)
      sphere.evolve({ time })
      return await sphere.field.data()
    }
    const wanted = [await whole(1), await whole(2)]
    for (const [sampleSize, uvhlN, size] of [
      [200, 3.8, 200],
      [200, 5.7, 300],
      [200, 20, 300],
      [200, 0.05, 100],
      [150, 4.56, 180],
    ] as const) {
      using sphere = new MobiusSphere({ ...options, sampleSize })
      const seen: Set<number>[] = []
      let before = await sphere.field.data()
      for (const time of [1, 2]) {
        sphere.evolve({ time, structure: { uvhlN } })
        const field = await sphere.field.data()
        const changed = [...Array(nodes).keys()].filter((i) => field[i] !== before[i])
        const want = wanted[time - 1] as Float32Array
        const pick = (from: ArrayLike<number>) => changed.map((i) => from[i] as number)
        assert.equal(changed.length, size, `sample of ${sampleSize} with uvhlN ${uvhlN}`)
        assertClose(pick(field), pick(want), 1e-5, 'the sampled field')
        seen.push(new Set(changed))
        before = field
      }
      assert.notDeepEqual(seen[0], seen[1], 'each cycle draws anew')
    }
    using small = new MobiusSphere({ nodes: 31, sampleSize: 200, device })
    small.evolve({ time: 1 })
    assert.ok((await small.field.data()).every((x) => x !== 0))
  })

  test('the lattice is built anew only beyond a threshold, and always with a threshold of 0', async () => {
    using lazy = new MobiusSphere({ nodes: 64, lazyWindings: 1, lazyTorsion: 0.1, device })
    using always = new MobiusSphere({ nodes: 64, lazyTorsion: 0, device })
    let built = 3.8
    let w = 3.8
    for (let cycle = 1; cycle <= 5; ++cycle) {
      for (const sphere of [lazy, always])
        sphere.evolve({ structure: { windings: 13 }, time: cycle })
      w = 0.95 * w + 0.05 * 13
      if (Math.abs(w - built) > 1) built = w
      const report = await lazy.report()
      assert.ok(Math.abs(report.windings - w) < 1e-12)
      assert.ok(Math.abs(report.builtWindings - built) < 1e-12, `cycle ${cycle}`)
      assert.ok(Math.abs((await always.report()).builtWindings - w) < 1e-12)
      await using _ = scope()
      const { builtWindings: windings } = report
      const want = mobiusLattice({ nodes: 64, windings, device })
      assertSameBits(await lazy.positions.data(), await want.data(), 'positions')
    }
    assert.equal((await lazy.report()).torsion, 0)
  })

  test('resizing keeps the nodes there are and gives new ones their own numbers', async () => {
    await using _ = scope()
    const options = { seed: 11, windings: 9, dtype: 'float64', device } as const
    using sphere = new MobiusSphere({ ...options, nodes: 40 })
    using from100 = new MobiusSphere({ ...options, nodes: 100 })
    const action = tensor([50, -200], { dtype: 'float64', device })
    sphere.evolve({ action, time: 0 })
    sphere.resize(100)
    assert.equal(sphere.nodes, 100)
    const amplitudes = await sphere.amplitudes.data()
    assert.deepEqual([...amplitudes.slice(0, 3)], [3, 0.5, 2])
    assertSameBits(amplitudes.slice(2), (await from100.amplitudes.data()).slice(2), 'amplitudes')
    for (const key of ['frequencies', 'phases', 'positions', 'field'] as const) {
      assertSameBits(await sphere[key].data(), await from100[key].data(), key)
    }
    assert.equal((await sphere.report()).vortices, 100)
    sphere.resize(1)
    assert.deepEqual([...(await sphere.amplitudes.data())], [3])
    sphere.resize(1)
    sphere.resize(7)
    assertSameBits(
      await sphere.phases.data(),
      await firstNumbers(from100.phases, 7),
      'phases after shrinking',
    )
    sphere.evolve({ time: 1 })
    assert.equal((await sphere.field.data()).length, 14)
  })

  test('a wish for nodes changes them in steps of at least 1000', async () => {
    using sphere = new MobiusSphere({ nodes: 30, device })
    sphere.evolve({ structure: { nodes: 1029 }, time: 0 })
    assert.equal(sphere.nodes, 30)
    await using _ = scope()
    const action = zeros([1030], { device })
    sphere.evolve({ structure: { nodes: 1030, torsion: 1 }, action, time: 0 })
    assert.equal(sphere.nodes, 1030)
    const { torsion, builtTorsion } = await sphere.report()
    assert.deepEqual([torsion, builtTorsion], [0.1, 0.1])
    assert.ok((await sphere.field.data()).every((x) => x !== 0))
    sphere.evolve({ structure: { nodes: 30 }, time: 0 })
    assert.equal(sphere.nodes, 30)
  })

  test('wishes outside their ranges count as the nearest end, and are counted', async () => {
    await using _ = scope()
    for (const dtype of dtypes) {
      using sphere = new MobiusSphere({ nodes: 5, windings: 10, torsion: 1, dtype, device })
      const wish = (value: number) => tensor([value], { dtype, device })
      const close = (got: number, want: number) => assert.ok(Math.abs(got - want) < 1e-6)
      sphere.evolve({ structure: { windings: 1000, torsion: wish(-2) }, time: 0 })
      const first = await sphere.report()
      close(first.windings, 0.95 * 10 + 0.05 * 150)
      close(first.torsion, 0.9)
      assert.equal(first.clampedWishes, 2)
      // The ends themselves lie within; the wish for τ stays what it was.
      sphere.evolve({ structure: { windings: 3.8 }, time: 0 })
      close((await sphere.report()).windings, 0.95 * first.windings + 0.05 * 3.8)
      assert.equal((await sphere.report()).clampedWishes, 3)
      sphere.evolve({ structure: { windings: wish(Infinity), torsion: 3 }, time: 0 })
      assert.equal((await sphere.report()).clampedWishes, 4)
      sphere.evolve({ time: 0 })
      assert.equal((await sphere.report()).clampedWishes, 4)
    }
  })

  test('exact vortices look at every node', async () => {
    using sphere = new MobiusSphere({ nodes: 1023, sampleSize: 300, exactVortices: true, device })
    sphere.evolve({ time: 3 })
    const field = await sphere.field.data()
    const vortices = [...Array(1023).keys()].filter(
      (i) => Math.hypot(field[i] as number, field[1023 + i] as number) < 0.3,
    ).length
    const { vortices: counted, density, reward } = await sphere.report()
    assert.equal(counted, vortices)
    assert.equal(density, vortices / 1023)
    assert.ok(Math.abs(reward - 100 * density ** 2) < 1e-4)
    assert.equal(await sphere.vortices.item(), vortices)
    assert.equal(await sphere.reward.item(), reward)
  })

  test('vortices of many nodes are counted exactly, too', async () => {
    const nodes = 10_007
    for (const exactVortices of [true, false]) {
      using sphere = new MobiusSphere({ nodes, skipInterval: 2, exactVortices, device })
      // |F| = √2 (i mod 7) / 10.
      sphere.field.set(Float32Array.from({ length: 2 * nodes }, (_, i) => ((i % nodes) % 7) / 10))
      sphere.evolve({ time: 0 })
      const stride = exactVortices ? 1 : 20
      let found = 0
      for (let i = 0; i < nodes; i += stride) found += Math.SQRT2 * (i % 7) < 3 ? 1 : 0
      assert.equal(await sphere.vortices.item(), found * stride)
    }
  })

  test('the reward is lowered where vortices are rare', async () => {
    // The first of two cycles computes nothing.
    using sphere = new MobiusSphere({ nodes: 400, skipInterval: 2, dtype: 'float64', device })
    sphere.field.set(Float64Array.from({ length: 800 }, (_, i) => (i < 1 || i >= 400 ? 0 : 1)))
    sphere.evolve({ time: 0 })
    const density = 1 / 400
    const { vortices, reward } = await sphere.report()
    assert.equal(vortices, 1)
    const want = 100 * density ** 2 - 50 * Math.exp(-100 * density)
    assert.ok(Math.abs(reward - want) < 1e-12)
  })

  test('the state tells of the first half of the nodes, or evenly of all', async () => {
    for (const [stateSpacing, nodeOf] of [
      ['reference', (i: number) => i * 3],
      ['even', (i: number) => Math.floor((i * 800) / 128)],
    ] as const) {
      await using _ = scope()
      using sphere = new MobiusSphere({ nodes: 800, stateSpacing, dtype: 'float64', device })
      sphere.evolve({ time: 2 })
      const field = await sphere.field.data()
      const state = await sphere.state().data()
      assert.equal(state.length, 256)
      for (let i = 0; i < 128; ++i) {
        const [x, y] = [field[nodeOf(i)] as number, field[800 + nodeOf(i)] as number]
        assert.ok(Math.abs((state[i] as number) - Math.hypot(x, y)) < 1e-12 * Math.hypot(x, y))
        assert.ok(Math.abs((state[128 + i] as number) - Math.atan2(y, x)) < 1e-12)
      }
    }
  })
})

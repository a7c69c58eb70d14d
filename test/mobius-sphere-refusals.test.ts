// What a Möbius sphere refuses, and what becomes of it afterwards: errors, checkpoints, disposal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DeviceName,
  device as deviceOf,
  type EvolveOptions,
  MobiusSphere,
  mobiusLattice,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { devices, onEveryDevice } from './support/devices.js'
import { assertRefused, bytesOf } from './support/refusals.js'

/** The bytes of everything that a sphere holds. */
const bytesOfSphere = async (sphere: MobiusSphere) =>
  await bytesOf([...sphere.namedTensors().values(), sphere.vortices, sphere.reward])

const notFinite = [Number.NaN, Infinity, -Infinity]
const notNumbers = [...notFinite, '1', null]
// Wrong values of an argument, with the code of the error.
type Wrong = readonly [values: readonly unknown[], code: string]
const counts: readonly Wrong[] = [[[0, -1, 1.5, ...notNumbers], 'ERR_SHAPE']]
const nodeCounts: readonly Wrong[] = [...counts, [[2 ** 30 + 1], 'ERR_VALUE']]
const finite: readonly Wrong[] = [[notNumbers, 'ERR_VALUE']]
const sizes: readonly Wrong[] = [[[0, -1, 1e31, ...notNumbers], 'ERR_VALUE']]
const thresholds: readonly Wrong[] = [[[-0.5, ...notNumbers], 'ERR_VALUE']]

const lattice = {
  nodes: nodeCounts,
  windings: finite,
  torsion: finite,
  radius: sizes,
  dtype: [[['float16', 'int32', null], 'ERR_DTYPE']],
  device: [[['gpu', 'cuda:99'], 'ERR_DEVICE']],
} as const satisfies Readonly<Record<string, readonly Wrong[]>>

const constructorArguments: Readonly<Record<string, readonly Wrong[]>> = {
  ...lattice,
  wavenumber: finite,
  softening: sizes,
  seed: [[[-1, 0.5, ...notNumbers], 'ERR_SHAPE']],
  skipInterval: counts,
  sampleSize: [[[0, -1, 1.5, 'some', null], 'ERR_SHAPE']],
  lazyWindings: thresholds,
  lazyTorsion: thresholds,
  exactVortices: [[[1, 'yes', null], 'ERR_VALUE']],
  stateSpacing: [[['odd', 1, null], 'ERR_VALUE']],
}

function refuses(
  device: DeviceName,
  { name, code, prefix, value }: { name: string; code: string; prefix: string; value: unknown },
  call: () => unknown,
) {
  assertRefused(deviceOf(device), call, {
    title: `${prefix}${name} = ${String(value)}`,
    codes: [code],
    prefix,
    words: code === 'ERR_DEVICE' ? ['name', 'cuda:99', name] : [name],
  })
}

onEveryDevice('Möbius sphere, refusals', (device) => {
  test('mobiusLattice refuses every wrong argument', () => {
    for (const [name, wrong] of Object.entries(lattice as typeof constructorArguments)) {
      for (const [values, code] of wrong) {
        for (const value of values) {
          const prefix = name === 'device' ? 'device: ' : 'mobiusLattice: '
          const options = { nodes: 3, windings: 4, device, [name]: value }
          refuses(device, { name, code, prefix, value }, () => mobiusLattice(options))
        }
      }
    }
  })

  test('the constructor refuses every wrong argument', () => {
    for (const [name, wrong] of Object.entries(constructorArguments)) {
      for (const [values, code] of wrong) {
        for (const value of values) {
          const prefix = name === 'device' ? 'device: ' : 'MobiusSphere: '
          const options = { nodes: 3, device, [name]: value }
          refuses(device, { name, code, prefix, value }, () => new MobiusSphere(options))
        }
      }
    }
  })

  test('evolve and resize refuse every wrong argument, and nothing is changed', async () => {
    await using _ = scope()
    using sphere = new MobiusSphere({ nodes: 5, device })
    sphere.evolve({ time: 0 })
    const before = await bytesOfSphere(sphere)
    const refusesEvolve = (name: string, code: string, value: unknown) => {
      const isWish = ['windings', 'torsion', 'nodes', 'uvhlN'].includes(name)
      const options = isWish ? { structure: { [name]: value } } : { [name]: value }
      const call = () => sphere.evolve({ time: 1, ...options } as EvolveOptions)
      refuses(device, { name, code, prefix: 'evolve: ', value }, call)
    }
    for (const name of ['time', 'windings', 'torsion', 'uvhlN']) {
      for (const value of notNumbers) refusesEvolve(name, 'ERR_VALUE', value)
    }
    for (const value of [null, 3, 'wide']) refusesEvolve('structure', 'ERR_VALUE', value)
    for (const [values, code] of nodeCounts) {
      for (const value of values) {
        refusesEvolve('nodes', code, value)
        refuses(device, { name: 'nodes', code, prefix: 'resize: ', value }, () =>
          sphere.resize(value as number),
        )
      }
    }
    const disposed = zeros([1], { device })
    disposed.dispose()
    const kinds: [string, Tensor, Tensor][] = [
      ['action', zeros([1], { dtype: 'float64', device }), zeros([6], { device })],
      ['windings', zeros([1], { dtype: 'float64', device }), zeros([2], { device })],
      ['torsion', zeros([1], { dtype: 'int32', device }), zeros([], { device })],
      ['indices', zeros([1], { device }), zeros([0], { dtype: 'int32', device })],
      ['indices', zeros([1], { device }), zeros([6], { dtype: 'int32', device })],
      ['indices', zeros([1], { device }), zeros([1, 1], { dtype: 'int32', device })],
      ['action', zeros([1], { dtype: 'uint8', device }), zeros([1, 1], { device })],
    ]
    const elsewhere = devices.find((other) => other !== device)
    for (const [name, wrongDtype, wrongShape] of kinds) {
      refusesEvolve(name, 'ERR_DTYPE', wrongDtype)
      refusesEvolve(name, 'ERR_SHAPE', wrongShape)
      refusesEvolve(name, 'ERR_DISPOSED', disposed)
      if (!elsewhere) continue
      const dtype = name === 'indices' ? 'int32' : 'float32'
      refusesEvolve(name, 'ERR_DEVICE', zeros([1], { dtype, device: elsewhere }))
    }
    for (const name of ['action', 'indices']) {
      for (const value of [3, 'all', null, [1]]) refusesEvolve(name, 'ERR_DTYPE', value)
    }
    assert.equal(await bytesOfSphere(sphere), before)
    assert.equal(sphere.cycle, 1)
  })

  test('a restored sphere goes on with the same bits', async () => {
    await using _ = scope()
    const options = { nodes: 60, sampleSize: 100, skipInterval: 2, seed: 4, device } as const
    const action = tensor([4, -3, 2], { device })
    const go = (sphere: MobiusSphere, from: number) => {
      for (let cycle = from; cycle < from + 3; ++cycle) {
        sphere.evolve({ action, structure: { windings: 200 - cycle, torsion: 2 }, time: cycle })
      }
      sphere.evolve({ structure: { torsion: 1.5 }, time: 9 })
    }
    using sphere = new MobiusSphere(options)
    go(sphere, 0)
    sphere.resize(1130)
    go(sphere, 4)
    const names = { float64: 'F64', float32: 'F32', int32: 'I32' } as const
    const tensors = new Map(
      await Promise.all(
        [...sphere.namedTensors()].map(async ([key, { shape, dtype, ...rest }]) => {
          const named = sphere.namedTensors().get(key) as Tensor
          const entry = {
            dtype: names[dtype as keyof typeof names],
            shape: [...shape],
            bytes: await named.bytes(),
          }
          return [key, entry, rest] as const
        }),
      ).then((all) => all.map(([key, entry]) => [key, entry] as const)),
    )
    const numbers = JSON.parse(JSON.stringify(sphere.checkpointNumbers()))
    using other = new MobiusSphere(options)
    other.restore({ numbers, tensors })
    assert.equal(other.cycle, 8)
    assert.equal(await bytesOfSphere(other), await bytesOfSphere(sphere))
    for (const each of [sphere, other]) go(each, 8)
    assert.equal(await bytesOfSphere(other), await bytesOfSphere(sphere))
    const lacking = new Map(tensors)
    lacking.delete('phases')
    const refusals: [Parameters<MobiusSphere['restore']>[0], RegExp][] = [
      [
        { numbers, tensors: lacking },
        /^MobiusSphere: tensor phases must be F32 \[1130\], got none$/,
      ],
      [
        { numbers: { ...numbers, nodes: 5 }, tensors },
        /^MobiusSphere: tensor positions must be F32 \[3,5\], got F32 \[3,1130\]$/,
      ],
      [
        { numbers: { ...numbers, nodes: 0.5 }, tensors },
        /: nodes must be an integer of at least 1/,
      ],
      [{ numbers: { ...numbers, cycle: -1 }, tensors }, /: cycle must be an integer of at least 0/],
    ]
    const before = await bytesOfSphere(other)
    for (const [checkpoint, message] of refusals) {
      assert.throws(() => other.restore(checkpoint), { code: 'ERR_CHECKPOINT', message })
    }
    assert.equal(await bytesOfSphere(other), before)
  })

  test('a wish that is NaN leaves the structure, and the next read tells', async () => {
    await using _ = scope()
    using sphere = new MobiusSphere({ nodes: 5, windings: 10, torsion: 1, device })
    for (const key of ['windings', 'torsion'] as const) {
      sphere.evolve({ structure: { [key]: tensor([Number.NaN], { device }) }, time: 0 })
      await assert.rejects(sphere.report(), {
        code: 'ERR_VALUE',
        message: 'mobiusStructure: windings and torsion must be numbers, got nan at element 0',
      })
      sphere.evolve({ structure: { windings: 10, torsion: 1 }, time: 0 })
      const { windings, torsion, clampedWishes } = await sphere.report()
      assert.deepEqual([windings, torsion, clampedWishes], [10, 1, 0])
    }
  })

  test('an index that is no node is told by the next read', async () => {
    for (const index of [-1, 5]) {
      await using _ = scope()
      using sphere = new MobiusSphere({ nodes: 5, device })
      const indices = tensor([1, index], { dtype: 'int32', device })
      sphere.evolve({ indices, time: 0 })
      await assert.rejects(sphere.report(), { code: 'ERR_VALUE', message: /targets must be nodes/ })
      const field = await sphere.field.data()
      assert.deepEqual(
        [...field].map((x) => x !== 0),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => i % 5 === 1),
      )
    }
  })

  test('a disposed sphere gives everything back and refuses every call', async () => {
    const on = deviceOf(device)
    await on.synchronize()
    const { live } = on.memory()
    const sphere = new MobiusSphere({ nodes: 50, device })
    await scope(async () => {
      const wish = tensor([9], { device })
      sphere.evolve({ structure: { windings: wish, nodes: 1200 }, time: 0 })
      sphere.resize(20)
      await sphere.state().data()
    })
    sphere.dispose()
    sphere.dispose()
    await on.synchronize()
    assert.equal(on.memory().live, live)
    const expected = {
      name: 'DisposedError',
      code: 'ERR_DISPOSED',
      message: 'MobiusSphere: sphere must be alive, got a disposed one',
    }
    for (const use of [
      () => sphere.evolve({ time: 0 }),
      () => sphere.state(),
      () => sphere.resize(3),
      () => sphere.nodes,
      () => sphere.positions,
      () => sphere.amplitudes,
      () => sphere.frequencies,
      () => sphere.phases,
      () => sphere.field,
      () => sphere.vortices,
      () => sphere.reward,
      () => sphere.namedTensors(),
      () => sphere.checkpointNumbers(),
      () => sphere.restore({ numbers: { nodes: 1, cycle: 0 }, tensors: new Map() }),
    ]) {
      assert.throws(use, expected)
    }
    await assert.rejects(sphere.report(), expected)
  })

  test('no scope of the caller owns what a sphere holds', async () => {
    let sphere: MobiusSphere | undefined
    scope(() => {
      sphere = new MobiusSphere({ nodes: 9, device })
    })
    scope(() => {
      sphere?.evolve({ structure: { windings: 20, nodes: 1009 }, time: 0 })
    })
    assert.equal((await sphere?.positions.data())?.length, 3027)
    assert.equal((await sphere?.report())?.cycle, 1)
    sphere?.dispose()
  })
})

// The wave field's gradients, natively: against central differences of the definition, and to the bit.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runNode } from './support/child.js'
import { assertClose, assertSameBits } from './support/compare.js'
import { devices, emulated, onEveryDevice } from './support/devices.js'
import { tolerances } from './support/golden-run.js'
import {
  type WaveCase,
  type WaveInput,
  waveCase,
  waveGradients,
  waveInputs,
  waveReference,
} from './support/wave-native.js'

const step = 1e-6

/** dL/d(input[element]) for L = ⟨gradField, field⟩, from the definition. */
function centralDifference(given: WaveCase, name: WaveInput, element: number): number {
  const loss = (offset: number): number => {
    const moved = given[name].slice()
    moved[element] = (moved[element] as number) + offset
    const field = waveReference({ ...given, [name]: moved })
    return field.reduce((sum, x, i) => sum + x * (given.gradField[i] as number), 0)
  }
  return (loss(step) - loss(-step)) / (2 * step)
}

const cases: readonly (readonly [string, WaveCase])[] = [
  ['one node', waveCase(1)],
  ['one node at five times', waveCase(1, { samples: 5 })],
  ['31 nodes', waveCase(31)],
  ['31 nodes at five times', waveCase(31, { samples: 5 })],
  ['33 nodes', waveCase(33)],
  ['33 nodes at 17 times', waveCase(33, { samples: 17 })],
  ['70 nodes of which some coincide', waveCase(70, { coincident: true, samples: 2 })],
  ['101 nodes', waveCase(101)],
  ['128 nodes, an even ring', waveCase(128)],
  ['targets with repeats', waveCase(33, { receivers: 50 })],
  ['targets at five times', waveCase(40, { receivers: 7, samples: 5 })],
  ['targets on nodes of which some coincide', waveCase(31, { receivers: 33, coincident: true })],
]

onEveryDevice('wave adjoint', (device) => {
  for (const [title, given] of cases) {
    test(`${title}: field and gradients against the definition`, async () => {
      const got = await waveGradients(given, { device })
      assertClose(got.field as Float64Array, waveReference(given), 1e-12, 'field')
      for (const name of waveInputs) {
        const length = given[name].length
        const chosen = Array.from({ length: Math.min(length, 9) }, (_, i) =>
          Math.floor((i * length) / Math.min(length, 9)),
        )
        assertClose(
          chosen.map((element) => got[name]?.[element] as number),
          chosen.map((element) =>
            name === 'positions' && isCoincident(given, element)
              ? (got[name]?.[element] as number)
              : centralDifference(given, name, element),
          ),
          1e-6,
          `gradient of ${name}`,
        )
      }
    })
  }

  test('1023 nodes against the same sums over targets that are all nodes', async () => {
    const nodes = emulated ? 200 : 1023
    for (const samples of [1, 5]) {
      const given = waveCase(nodes, { samples, coincident: true })
      const targets = Int32Array.from({ length: nodes }, (_, i) => i)
      const got = await waveGradients(given, { device })
      const want = await waveGradients({ ...given, targets }, { device })
      for (const name of [...waveInputs, 'field'] as const)
        assertClose(got[name] as Float64Array, want[name] as Float64Array, 1e-12, name)
      assertClose(got.field as Float64Array, waveReference(given), 1e-12, 'field')
    }
  })

  test('float32 agrees with float64', async () => {
    const nodes = emulated ? 200 : 1023
    for (const options of [{}, { samples: 5 }, { receivers: 200 }]) {
      const given = roundedToSingle(waveCase(nodes, options))
      const want = await waveGradients(given, { device })
      const got = await waveGradients(given, { device, dtype: 'float32' })
      const { output, gradient } = tolerances.float32
      for (const name of waveInputs)
        assertClose(got[name] as Float64Array, want[name] as Float64Array, gradient, name)
      assertClose(got.field as Float64Array, want.field as Float64Array, output, 'field')
    }
  })

  test('what is not asked for is not needed, and asking for less changes no more than roundings', async () => {
    for (const given of [waveCase(65), waveCase(65, { samples: 3, receivers: 20 })]) {
      const all = await waveGradients(given, { device })
      for (const name of waveInputs) {
        const alone = await waveGradients(given, { device, wanted: [name], field: false })
        assertClose(alone[name] as Float64Array, all[name] as Float64Array, 1e-13, name)
        assert.ok(waveInputs.every((other) => other === name || alone[other] === null))
        assert.equal(alone.field, null)
      }
    }
  })

  test('two runs give the same bits', async () => {
    for (const options of [{}, { samples: 5 }, { receivers: 77 }]) {
      for (const dtype of ['float64', 'float32'] as const) {
        const given = waveCase(300, options)
        const first = await waveGradients(given, { device, dtype })
        const second = await waveGradients(given, { device, dtype })
        for (const name of [...waveInputs, 'field'] as const)
          assertSameBits(first[name] as Float64Array, second[name] as Float64Array, name)
      }
    }
  })

  test('the gradient of the position vanishes where all nodes coincide', async () => {
    const given = { ...waveCase(40), positions: new Float64Array(120).fill(0.25) }
    const got = await waveGradients(given, { device })
    assert.ok(got.positions?.every((x) => x === 0))
    assertClose(got.field as Float64Array, waveReference(given), 1e-12, 'field')
  })

  test('amplitude 0 still has gradients', async () => {
    const given = { ...waveCase(33), amplitudes: new Float64Array(33) }
    const got = await waveGradients(given, { device })
    assert.ok(got.frequencies?.every((x) => x === 0))
    const want = [0, 8, 32].map((element) => centralDifference(given, 'amplitudes', element))
    const chosen = [0, 8, 32].map((element) => got.amplitudes?.[element] as number)
    assertClose(chosen, want, 1e-6, 'amplitudes')
  })

  test('faulty data are told', async () => {
    const given = waveCase(20, { receivers: 5 })
    const targets = Int32Array.of(1, 2, 20, 3, -1)
    await assert.rejects(waveGradients({ ...given, targets }, { device }), /element 2/)
    const positions = given.positions.slice().fill(Number.NaN, 7, 8)
    await assert.rejects(waveGradients({ ...given, positions }, { device }), /finite.*element 7/)
    const softening = Float64Array.of(0)
    await assert.rejects(waveGradients({ ...given, softening }, { device }), /softening/)
  })
})

// Whether another node lies where this one does: the distance has no derivative there.
function isCoincident(given: WaveCase, element: number): boolean {
  const nodes = given.amplitudes.length
  const at = (j: number): string =>
    [0, 1, 2].map((axis) => given.positions[axis * nodes + j]).join()
  const here = element % nodes
  return given.amplitudes.some((_, j) => j !== here && at(j) === at(here))
}

function roundedToSingle(given: WaveCase): WaveCase {
  const rounded = waveInputs.map((name) => [name, given[name].map(Math.fround)])
  return { ...given, ...Object.fromEntries(rounded), gradField: given.gradField.map(Math.fround) }
}

describe('wave adjoint and threads', { skip: !devices.includes('cpu') }, () => {
  const file = fileURLToPath(new URL('./support/wave-hash.js', import.meta.url))
  test('1, 2 and 3 threads give the same bits', async () => {
    const hashes = await Promise.all(
      ['1', '2', '3'].map(async (threads) => {
        const { code, stdout, stderr } = await runNode([file], {
          env: { ENTRAIN_THREADS: threads },
        })
        assert.equal(code, 0, stderr)
        return stdout
      }),
    )
    assert.ok((hashes[0] as string).length > 20)
    assert.deepEqual(hashes, [hashes[0], hashes[0], hashes[0]])
  })
})

// Banks of oscillators: state, simulation, cancellation, learning.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AbortError,
  Adam,
  drawFrequencies,
  FrequencyBank,
  type FrequencyDistribution,
  Graph,
  KuramotoBank,
  lyapunovExponent,
  orderParameter,
  ring,
  type Simulation,
  scope,
  smallWorld,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { chunksOf } from '../lib/oscillators/simulation.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'

test('chunks record where one run would', () => {
  for (const steps of [1, 7, 12, 20]) {
    for (const record of [1, 3, 5, 12, 30]) {
      for (const chunk of [1, 2, 4, 7, 20]) {
        const records: number[] = []
        let at = 0
        for (const part of chunksOf(steps, record, chunk)) {
          assert.equal(part.begin, at)
          assert.ok(part.steps >= 1 && part.recordEvery >= 1 && part.recordEvery <= part.steps)
          if (part.kept) {
            for (let n = part.recordEvery; n <= part.steps; n += part.recordEvery) {
              records.push(at + n)
            }
          }
          at += part.steps
        }
        assert.equal(at, steps)
        const wanted = Array.from(
          { length: Math.floor(steps / record) },
          (_, i) => (i + 1) * record,
        )
        assert.deepEqual(records, wanted, `${steps} steps, record ${record}, chunk ${chunk}`)
      }
    }
  }
})

test('distributions have their quantiles, whatever the sampling', () => {
  const quartile = { lorentzian: 1, normal: 0.674489750196082, uniform: 0.5 }
  for (const distribution of ['lorentzian', 'normal', 'uniform'] as const) {
    for (const sampling of ['random', 'quantiles'] as const) {
      const given: FrequencyDistribution = { distribution, centre: 2, width: 0.5, sampling }
      const drawn = drawFrequencies(given, { count: 10_001, seed: 3 }).sort()
      const at = (p: number) => drawn[Math.round(p * 10_000)] as number
      const bound = sampling === 'random' ? 0.03 : 2e-4
      assert.ok(Math.abs(at(0.5) - 2) < bound, `${distribution} median ${at(0.5)}`)
      const upper = 2 + 0.5 * quartile[distribution]
      assert.ok(Math.abs(at(0.75) - upper) < bound, `${distribution} quartile ${at(0.75)}`)
    }
  }
  const again = { count: 5, seed: 1 }
  const normal = { distribution: 'normal' } as const
  assert.deepEqual(drawFrequencies(normal, again), drawFrequencies(normal, again))
})

onEveryDevice('KuramotoBank', (device) => {
  test('its system goes to the functions that take a whole one', async () => {
    using bank = new KuramotoBank({
      ...{ device, oscillators: 5, naturalFrequencies: 0, coupling: 1.5, dtype: 'float64' },
      phases: new Float64Array(5).fill(1),
    })
    const options = { dt: 0.05, steps: 24, interval: 4, transient: 60 }
    const { exponent } = await lyapunovExponent({
      ...bank.system(),
      phases: bank.phases(),
      ...options,
    })
    // −K N / (N − 1), up to the error of a step.
    assertClose(exponent, [(-1.5 * 5) / 4], 1e-3, 'exponent of synchrony')
  })

  const small = { oscillators: 24, coupling: 1.5, device, seed: 3 } as const
  const normal = { distribution: 'normal', centre: 1, width: 0.5 } as const

  test('frequencies that are not given are standard normal, drawn with the seed', async () => {
    using bank = new KuramotoBank(small)
    using drawn = new KuramotoBank({ ...small, naturalFrequencies: { distribution: 'normal' } })
    const [own, expected] = [bank.system().naturalFrequencies, drawn.system().naturalFrequencies]
    assertSameBits(await own.data(), await expected.data(), 'frequencies')
  })

  test('simulates on every topology, and chunks give the bits of one run', async () => {
    for (const topology of [
      undefined,
      ring({ neighbours: 2 }),
      smallWorld({ neighbours: 2, rewiring: 0.3 }),
    ]) {
      for (const diffusion of [0, 0.1]) {
        const method = diffusion > 0 ? 'heun' : 'rk4'
        const results: { run: Simulation; state: ArrayLike<number> }[] = []
        for (const chunk of [60, 7, 1]) {
          using bank = new KuramotoBank({
            ...small,
            naturalFrequencies: normal,
            topology,
            batch: 2,
          })
          const options = {
            dt: 0.05,
            record: 5,
            recordPhases: true,
            winding: true,
            method,
          } as const
          const run = await bank.simulate({ ...options, steps: 60, chunk, diffusion })
          results.push({ run, state: await bank.phases().data() })
          assert.equal(bank.stepsTaken, 60)
        }
        const [whole, ...cut] = results as [(typeof results)[0], (typeof results)[0]]
        assert.equal(whole.run.orderParameter.length, 2 * 12)
        assert.equal(whole.run.phases?.length, 2 * 12 * 24)
        for (const { run, state } of cut) {
          assertSameBits(state, whole.state, 'state')
          assertSameBits(run.orderParameter, whole.run.orderParameter, 'R')
          assertSameBits(run.psi, whole.run.psi, 'psi')
          assertSameBits(run.phases ?? [], whole.run.phases ?? [], 'phases')
          assertSameBits(run.winding ?? [], whole.run.winding ?? [], 'winding')
        }
      }
    }
  })

  test('step, forward and simulate go the same way', async () => {
    await using _ = scope()
    const options = { ...small, naturalFrequencies: normal }
    using stepped = new KuramotoBank(options)
    using simulated = new KuramotoBank(options)
    using recorded = new KuramotoBank({ ...options, learnable: { coupling: true } })
    for (let i = 0; i < 4; ++i) stepped.step({ dt: 0.1, steps: 5 })
    const { orderParameter: series } = await simulated.simulate({ dt: 0.1, steps: 20 })
    const kept = recorded.forward({ dt: 0.1, steps: 10 })
    assert.equal(recorded.stepsTaken, 0)
    recorded.forward({ dt: 0.1, steps: 10, advance: true })
    recorded.forward({ dt: 0.1, steps: 10, advance: true })
    assert.equal(recorded.stepsTaken, 20)
    const want = await stepped.phases().data()
    assertSameBits(await simulated.phases().data(), want, 'simulated')
    assertSameBits(await recorded.phases().data(), want, 'recorded')
    assert.ok(kept.phases.node !== null)
    assert.equal(series.length, 1)
    const { R } = stepped.orderParameter()
    assertClose(await R.data(), series, 1e-5, 'R')
  })

  test('a step drive is cut along its rows', async () => {
    await using _ = scope()
    const drive = tensor(generator(2).normals(30 * 24), { device, shape: [30, 24] })
    const run = async (chunk: number) => {
      using bank = new KuramotoBank({ ...small, naturalFrequencies: normal })
      await bank.simulate({ dt: 0.1, steps: 30, drive, driveKind: 'step', chunk })
      return await bank.phases().data()
    }
    assertSameBits(await run(7), await run(30), 'phases')
    using bank = new KuramotoBank({ ...small, naturalFrequencies: normal })
    await assert.rejects(bank.simulate({ dt: 0.1, steps: 31, drive, driveKind: 'step' }), {
      code: 'ERR_VALUE',
      message: /KuramotoBank: drive must be of 31 rows/,
    })
  })

  test('a signal stops the run after the chunk under way and keeps what was done', async () => {
    await using _ = scope()
    using bank = new KuramotoBank({ ...small, naturalFrequencies: normal })
    using other = new KuramotoBank({ ...small, naturalFrequencies: normal })
    const controller = new AbortController()
    const seen: number[] = []
    const run = bank.simulate({
      dt: 0.1,
      steps: 100,
      record: 5,
      chunk: 10,
      signal: controller.signal,
      onProgress: ({ step, steps, orderParameter: R }) => {
        seen.push(step)
        assert.equal(steps, 100)
        assert.ok((R[0] as number) > 0)
        if (step === 30) controller.abort(new Error('enough'))
      },
    })
    assert.throws(() => bank.step({ dt: 0.1 }), { code: 'ERR_VALUE', message: /during simulate/ })
    const error = await run.then(
      () => assert.fail('must reject'),
      (reason: unknown) => reason as AbortError<Simulation>,
    )
    assert.ok(error instanceof AbortError)
    assert.equal(error.name, 'AbortError')
    assert.equal(error.code, 'ERR_ABORTED')
    assert.match(error.message, /after 30 of 100 steps/)
    assert.equal((error.cause as Error).message, 'enough')
    assert.deepEqual(seen, [10, 20, 30])
    assert.equal(error.partial.steps, 30)
    assert.equal(error.partial.orderParameter.length, 6)
    assert.equal(bank.stepsTaken, 30)
    await other.simulate({ dt: 0.1, steps: 30 })
    assertSameBits(await bank.phases().data(), await other.phases().data(), 'state')
    await bank.simulate({ dt: 0.1, steps: 2 })
    const late = bank.simulate({ dt: 0.1, steps: 3, signal: AbortSignal.abort() })
    await assert.rejects(late, { code: 'ERR_ABORTED', message: /after 0 of 3 steps/ })
  })

  test('an adjacency is learned with its diagonal and absent edges masked', async () => {
    await using _ = scope()
    using bank = new KuramotoBank({
      ...small,
      oscillators: 9,
      naturalFrequencies: normal,
      topology: ring({ neighbours: 2 }),
      learnable: { adjacency: true, naturalFrequencies: true },
    })
    assert.deepEqual([...bank.namedParameters().keys()], ['naturalFrequencies', 'adjacencyLogits'])
    const { phases } = bank.forward({ dt: 0.1, steps: 10 })
    orderParameter(phases).R.backward(tensor([1], { device }))
    const logits = bank.namedParameters().get('adjacencyLogits') as Tensor
    const gradient = await (logits.grad as Tensor).data()
    const matrix = await (bank.adjacency() as Tensor).data()
    const edges = Graph.ring(9, 2).toDense()
    for (const [place, edge] of edges.entries()) {
      assert.equal(gradient[place] !== 0, edge === 1, `gradient at ${place}`)
      if (edge === 0) assert.equal(matrix[place], 0)
      else assert.ok(Math.abs((matrix[place] as number) - 0.5) < 0.15)
    }
  })

  test('weights, coupling and frequencies are learned towards a target R', async () => {
    using bank = new KuramotoBank({
      oscillators: 12,
      naturalFrequencies: normal,
      coupling: 0.5,
      topology: smallWorld({ neighbours: 2, rewiring: 0.2 }),
      normalisation: 'degree',
      device,
      seed: 1,
      learnable: { naturalFrequencies: true, coupling: true, weight: true },
    })
    using optimizer = new Adam(bank.parameters(), { learningRate: 0.05 })
    const R: number[] = []
    for (let i = 0; i < 25; ++i) {
      await using _ = scope()
      const coherence = orderParameter(bank.forward({ dt: 0.1, steps: 20 }).phases).R
      R.push(await coherence.reshape([]).item())
      coherence.backward(tensor([-1], { device }))
      optimizer.step()
    }
    assert.ok((R.at(-1) as number) > (R[0] as number) + 0.1, `R went ${R[0]} to ${R.at(-1)}`)
  })

  test('the precision follows the change of phase between calls', async () => {
    await using _ = scope()
    const frequencies = [0, 0.5, 3]
    using bank = new KuramotoBank({
      oscillators: 3,
      naturalFrequencies: frequencies,
      coupling: 0,
      dtype: 'float64',
      device,
    })
    const first = await bank.updatePrecision().data()
    assertClose(
      first,
      [1, 1, 1].map((v) => 1 / (v + 1e-4)),
      1e-12,
      'at first',
    )
    let want = [1, 1, 1]
    let got: ArrayLike<number> = []
    for (let i = 0; i < 30; ++i) {
      bank.step({ dt: 0.1 })
      got = await bank.updatePrecision({ tau: 5 }).data()
      want = want.map((v, j) => 0.8 * v + 0.2 * (0.1 * (frequencies[j] as number)) ** 2)
    }
    assertClose(
      got,
      want.map((v) => Math.min(1 / (v + 1e-4), 100)),
      1e-12,
      'later',
    )
  })

  test('what is given wrongly is refused by name, and a disposed bank is', async () => {
    const valid = { oscillators: 3, naturalFrequencies: 1, coupling: 1, device }
    const refuse = (changed: object, code: string, message: RegExp) =>
      assert.throws(() => new KuramotoBank({ ...valid, ...changed }), { code, message })
    refuse({ oscillators: 0 }, 'ERR_SHAPE', /KuramotoBank: oscillators must be an integer/)
    refuse({ batch: 0 }, 'ERR_SHAPE', /batch/)
    refuse({ naturalFrequencies: [1, 2] }, 'ERR_SHAPE', /naturalFrequencies must be of 3 .*got 2/)
    refuse(
      { naturalFrequencies: [1, Number.NaN, 2] },
      'ERR_VALUE',
      /naturalFrequencies must be finite numbers, got NaN at element 1/,
    )
    refuse({ naturalFrequencies: { distribution: 'gamma' } }, 'ERR_VALUE', /distribution/)
    refuse({ coupling: Number.POSITIVE_INFINITY }, 'ERR_VALUE', /coupling must be finite/)
    refuse({ phases: [1, 2] }, 'ERR_SHAPE', /phases/)
    refuse({ dtype: 'int32' }, 'ERR_DTYPE', /dtype/)
    refuse({ topology: Graph.global(4) }, 'ERR_SHAPE', /graph must be of 3 oscillators, got 4/)
    refuse({ learnable: { weight: true } }, 'ERR_VALUE', /weight must be of a sparse graph/)
    refuse({ precision: [1, 1] }, 'ERR_SHAPE', /precision/)
    using bank = new KuramotoBank(valid)
    await assert.rejects(bank.simulate({ dt: 0.1, steps: 0 }), { code: 'ERR_SHAPE' })
    await assert.rejects(bank.simulate({ dt: 0, steps: 1 }), { code: 'ERR_VALUE', message: /dt/ })
    assert.throws(() => bank.step({ dt: -1 }), { code: 'ERR_VALUE' })
    bank.dispose()
    bank.dispose()
    assert.throws(() => bank.phases(), { code: 'ERR_DISPOSED', message: /KuramotoBank: bank/ })
    await assert.rejects(bank.simulate({ dt: 0.1, steps: 1 }), { code: 'ERR_DISPOSED' })
  })
})

onEveryDevice('FrequencyBank', (device) => {
  const members = [
    { oscillators: 5, naturalFrequencies: 1, coupling: 2, dt: 0.1 },
    { oscillators: 70, naturalFrequencies: { distribution: 'normal' }, coupling: 1, dt: 0.02 },
    { oscillators: 1, naturalFrequencies: [3], coupling: 1, dt: 0.5 },
  ] as const

  test('banks side by side go as they would alone', async () => {
    for (const dtype of ['float32', 'float64'] as const) {
      await using _ = scope()
      using banks = new FrequencyBank({ banks: members, device, dtype, seed: 4 })
      const starts = await Promise.all(members.map((_, b) => banks.phases(b).data()))
      const { orderParameter: R, aggregate } = await banks.simulate({
        steps: 40,
        record: 10,
        chunk: 7,
      })
      assert.equal(R.length, 3 * 4)
      const naturalFrequencies = [
        1,
        drawFrequencies({ distribution: 'normal' }, { count: 70, seed: 4, block: 2 }),
        [3],
      ]
      for (const [b, { oscillators, coupling, dt }] of members.entries()) {
        using alone = new KuramotoBank({
          oscillators,
          naturalFrequencies: naturalFrequencies[b] as number,
          coupling,
          phases: starts[b],
          device,
          dtype,
        })
        const run = await alone.simulate({ dt, steps: 40, record: 10 })
        const bound = dtype === 'float64' ? 1e-12 : 1e-5
        assertClose(R.subarray(4 * b, 4 * b + 4), run.orderParameter, bound, `R of bank ${b}`)
        assertClose(await banks.phases(b).data(), await alone.phases().data(), bound, `bank ${b}`)
      }
      const last = (5 * (R[3] as number) + 70 * (R[7] as number) + (R[11] as number)) / 76
      assertClose([aggregate.at(-1) as number], [last], 1e-6, 'aggregate')
      const now = await banks.orderParameter()
      assertClose(now.R, [R[3] as number, R[7] as number, R[11] as number], 1e-5, 'R now')
      assertClose([now.aggregate], [last], 1e-5, 'aggregate now')
    }
  })

  test('couplings of the banks are learned', async () => {
    await using _ = scope()
    const learnable = { coupling: true, naturalFrequencies: true }
    using banks = new FrequencyBank({ banks: members, device, learnable, dtype: 'float64' })
    const run = banks.forward({ steps: 10, record: 10 })
    run.R?.backward(tensor([1, 1, 1], { device, dtype: 'float64', shape: run.R.shape }))
    const gradOf = (name: string) => banks.namedParameters().get(name)?.grad as Tensor
    const gradient = await gradOf('coupling').data()
    assert.ok((gradient[0] as number) !== 0 && (gradient[1] as number) !== 0)
    assert.equal(gradient[2], 0)
    assert.equal(gradOf('naturalFrequencies').length, 76)
  })

  test('bad banks are refused by name', () => {
    const refuse = (options: object, code: string, message: RegExp) =>
      assert.throws(() => new FrequencyBank({ banks: members, device, ...options }), {
        code,
        message,
      })
    refuse({ banks: [] }, 'ERR_SHAPE', /FrequencyBank: banks/)
    refuse({ banks: [{ ...members[0], dt: 0 }] }, 'ERR_VALUE', /dt/)
    refuse(
      { banks: [{ ...members[0], phases: [1] }] },
      'ERR_SHAPE',
      /phases must be of 5 .* bank 0/,
    )
    refuse({ weights: [1, 2] }, 'ERR_SHAPE', /weights/)
    refuse({ weights: [0, 0, 0] }, 'ERR_VALUE', /weights/)
  })
})

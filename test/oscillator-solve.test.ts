// Solutions to a tolerance: gradients by central differences, the order, step sizes of their own for each
// batch element, outputs, failures that say when, equal bits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph } from '../lib/graph/graph.js'
import {
  type OscillatorSolveOptions,
  oscillatorSolve,
  scope,
  type Tensor,
  ToleranceError,
  tensor,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'
import type { CheckedInput } from './support/gradient-check.js'
import { kGraphs, type SystemName, systemCase } from './support/oscillators.js'

const systems: SystemName[] = ['phase', 'swing', 'stuart-landau', 'ott-antonsen']
const tight = { relativeTolerance: 1e-11, absoluteTolerance: 1e-12 }

onEveryDevice('oscillatorSolve', (device) => {
  const number = (data: ArrayLike<number>, shape?: number[]): Tensor =>
    tensor(data, { dtype: 'float64', device, ...(shape && { shape }) })
  const leaves = (
    inputs: Readonly<Record<string, CheckedInput>>,
    dtype: 'float64' | 'float32' = 'float64',
  ): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(inputs).map(([key, { data, shape }]) => [
        key,
        tensor(data, { shape, dtype, device, requiresGrad: true }),
      ]),
    )

  // Phases with a coupling of their own for each batch element: K = 40 needs shorter steps than 0.1.
  const bank = (couplings: number[], rows: Float64Array[]): OscillatorSolveOptions => {
    const n = rows[0]?.length ?? 0
    return {
      system: 'phase',
      graph: Graph.global(n),
      naturalFrequencies: number(Float64Array.from({ length: n }, (_, i) => 0.3 * i)),
      coupling: number(couplings),
      start: number(Float64Array.from(rows.flatMap((row) => [...row])), [rows.length, n]),
      times: [0, 0.5, 1.7, 3],
      relativeTolerance: 1e-8,
      absoluteTolerance: 1e-9,
    }
  }
  const starts = (count: number, n: number): Float64Array[] => {
    const { normals } = generator(4)
    return Array.from({ length: count }, () => normals(n))
  }

  for (const system of systems) {
    for (const graph of system === 'ott-antonsen' ? (['global'] as const) : kGraphs) {
      test(`has the gradients of central differences, ${system} ${graph}`, async () => {
        const n = system === 'ott-antonsen' ? 1 : 5
        const { inputs, options } = systemCase(system, graph, {
          seed: 7,
          batch: 2,
          n,
          drive: 'node',
        })
        const { normals } = generator(12)
        const solved = async (t: Record<string, Tensor>) => {
          const call = { ...options(t), start: t.start as Tensor, times: [0, 0.31, 0.4, 1.1] }
          return await oscillatorSolve({
            ...call,
            ...tight,
            normalisation: 'degree',
            maximumSteps: 3000,
          } as never as OscillatorSolveOptions)
        }
        const losses = async (values: Readonly<Record<string, CheckedInput>>): Promise<number> => {
          await using _ = scope()
          const { trajectory, final } = await solved(leaves(values))
          const data = [...(await trajectory.data()), ...(await final.data())]
          return data.reduce((sum, x, i) => sum + x * (cotangent[i] as number), 0)
        }
        const length = inputs.start?.data.length ?? 0
        const cotangent = normals(5 * length)
        await using _ = scope()
        const made = leaves(inputs)
        const { trajectory, final } = await solved(made)
        trajectory.backward(number(cotangent.subarray(0, 4 * length), [...trajectory.shape]))
        final.backward(number(cotangent.subarray(4 * length), [...final.shape]))
        for (const [key, input] of Object.entries(inputs)) {
          const got = (await made[key]?.grad?.data()) ?? []
          const want: number[] = []
          const chosen = Array.from(
            { length: Math.min(emulated ? 1 : 4, input.data.length) },
            (_, i) =>
              Math.floor((i * input.data.length) / Math.min(emulated ? 1 : 4, input.data.length)),
          )
          for (const element of chosen) {
            const at = async (offset: number): Promise<number> => {
              const data = input.data.slice()
              data[element] = (data[element] as number) + offset
              return await losses({ ...inputs, [key]: { shape: input.shape, data } })
            }
            want.push(((await at(1e-5)) - (await at(-1e-5))) / 2e-5)
          }
          // The solution is right within the tolerance; the differences divide that by their step.
          assertClose(
            chosen.map((i) => got[i] as number),
            want,
            2e-6,
            `${key}`,
          )
        }
      })
    }
  }

  test('errors fall with the fifth power of the number of steps', async () => {
    await using _ = scope()
    const rows = starts(1, 8)
    const runs = []
    for (const relativeTolerance of [1e-6, 1e-10]) {
      runs.push(
        await oscillatorSolve({
          ...bank([2], rows),
          times: [20],
          relativeTolerance,
          absoluteTolerance: relativeTolerance,
        }),
      )
    }
    const [coarse = 0, fine = 0] = await Promise.all(
      runs.map(async ({ accepted }) => (await accepted.data())[0] as number),
    )
    const exact = await oscillatorSolve({ ...bank([2], rows), times: [20], ...tight })
    const want = await exact.final.data()
    const errors = await Promise.all(
      runs.map(async ({ final }) =>
        Math.hypot(...(await final.data()).map((x, i) => x - (want[i] as number))),
      ),
    )
    const order = Math.log((errors[0] as number) / (errors[1] as number)) / Math.log(fine / coarse)
    assert.ok(
      order > 4.3 && order < 6.5,
      `order ${order}: ${errors} in ${coarse} and ${fine} steps`,
    )
  })

  test('every batch element goes its own way, with the bits it has alone', async () => {
    await using _ = scope()
    const couplings = [0.1, 40, 2]
    const rows = starts(3, 5)
    const together = await oscillatorSolve(bank(couplings, rows))
    const steps = await together.accepted.data()
    assert.ok((steps[1] as number) > 2 * (steps[0] as number), `${steps}`)
    const trajectory = await together.trajectory.data()
    for (const [b, coupling] of couplings.entries()) {
      const alone = await oscillatorSolve(bank([coupling], [rows[b] as Float64Array]))
      assert.equal((await alone.accepted.data())[0], steps[b])
      const data = await alone.trajectory.data()
      const picked = data.map((_, at) => {
        const [m, i] = [Math.floor(at / 5), at % 5]
        return trajectory[(m * 3 + b) * 5 + i] as number
      })
      assertSameBits(picked, data, `element ${b}`)
    }
  })

  test('outputs do not change the steps; the first may be the start', async () => {
    await using _ = scope()
    const rows = starts(2, 6)
    const few = await oscillatorSolve({ ...bank([1, 3], rows), times: [3] })
    const times = [0, ...Array.from({ length: 30 }, (_, i) => (i + 1) / 10)]
    const many = await oscillatorSolve({ ...bank([1, 3], rows), times })
    assertSameBits(await few.final.data(), await many.final.data(), 'final')
    assertSameBits(await few.accepted.data(), await many.accepted.data(), 'steps')
    const trajectory = await many.trajectory.data()
    assertSameBits(
      trajectory.slice(0, 12),
      Float64Array.from(rows.flatMap((row) => [...row])),
      'start',
    )
    assertSameBits(trajectory.slice(-12), await few.trajectory.data(), 'end')
    for (const m of [7, 19]) {
      const exact = await oscillatorSolve({
        ...bank([1, 3], rows),
        times: [times[m] as number],
        ...tight,
      })
      assertClose(
        trajectory.slice(12 * m, 12 * m + 12),
        await exact.final.data(),
        1e-7,
        `time ${times[m]}`,
      )
    }
  })

  test('segments of the backward join to the gradient of one', async () => {
    const rows = starts(2, 4)
    const gradient = async (maximumSteps: number): Promise<Float64Array> => {
      await using _ = scope()
      const start = tensor(
        rows.flatMap((row) => [...row]),
        { shape: [2, 4], dtype: 'float64', device, requiresGrad: true },
      )
      const { final } = await oscillatorSolve({ ...bank([1, 30], rows), start, maximumSteps })
      final.backward(number(new Float64Array(8).fill(1), [2, 4]))
      return (await (start.grad as Tensor).data()) as Float64Array
    }
    const whole = await gradient(1_000_000)
    assertSameBits(await gradient(5_000), whole, '71 steps a segment')
    assertSameBits(await gradient(400), whole, '20 steps a segment')
  })

  test('too many steps are an error that says when and keeps what there is', async () => {
    await using _ = scope()
    const rows = starts(2, 5)
    const call = oscillatorSolve({ ...bank([0.1, 40], rows), maximumSteps: 30 })
    const error = await call.then(
      () => null,
      (caught: unknown) => caught,
    )
    assert.ok(error instanceof ToleranceError)
    assert.equal(error.code, 'ERR_TOLERANCE')
    assert.equal(error.element, 1)
    assert.ok(error.time > 0 && error.time < 3)
    assert.match(
      error.message,
      /maximumSteps must be enough to reach the end, got to time 0\.\d+ of 3 in batch element 1/,
    )
    const { trajectory, reached } = error.solution
    assert.deepEqual([...(await reached.data())], [3, error.time])
    const data = await trajectory.data()
    const row = (m: number, b: number) => [...data.slice((m * 2 + b) * 5, (m * 2 + b) * 5 + 5)]
    assert.ok(row(3, 0).every(Number.isFinite))
    assert.ok(row(3, 1).every(Number.isNaN))
    assert.deepEqual(row(0, 1), [...(rows[1] as Float64Array)])
    const exact = await oscillatorSolve({
      ...bank([40], [rows[1] as Float64Array]),
      times: [error.time],
    })
    assertClose(
      (await error.solution.final.data()).slice(5),
      await exact.final.data(),
      1e-6,
      'kept',
    )
  })

  test('a solution that leaves the numbers is an error at the time where it does', async () => {
    await using _ = scope()
    // v' = 10⁶ v
    const call = oscillatorSolve({
      system: 'swing',
      graph: Graph.global(1),
      naturalFrequencies: number([1]),
      coupling: 0,
      inertia: 1,
      damping: -1e6,
      start: number([0, 1], [1, 2]),
      times: [1],
    })
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof ToleranceError)
      assert.ok(error.time > 0 && error.time < 1e-3, `${error.time}`)
      return true
    })
  })

  test('rates that are not finite are an error at the start', async () => {
    await using _ = scope()
    const call = oscillatorSolve({ ...bank([Number.NaN], starts(1, 3)), times: [1] })
    await assert.rejects(call, /rates must be finite, got to time 0 of 1 in batch element 0/)
  })

  test('float32 meets its tolerance', async () => {
    await using _ = scope()
    const rows = starts(3, 9)
    const exact = await oscillatorSolve(bank([1, 2, 8], rows))
    const single = bank([1, 2, 8], rows)
    const narrow = (t: Tensor): Promise<Tensor> =>
      t.data().then((data) => tensor(data, { shape: t.shape, device }))
    if (single.system !== 'phase') throw new Error('phases')
    const { relativeTolerance: _r, absoluteTolerance: _a, ...rest } = single
    const { final } = await oscillatorSolve({
      ...rest,
      naturalFrequencies: await narrow(single.naturalFrequencies),
      coupling: await narrow(single.coupling as Tensor),
      start: await narrow(single.start),
    })
    assertClose(await final.data(), await exact.final.data(), 2e-4, 'float32')
  })

  test('gives the same bits twice, large and small', async () => {
    for (const [n, batch] of emulated
      ? [[40, 3]]
      : [
          [40, 3],
          [9000, 1],
          [3, 300],
        ]) {
      const { inputs, options } = systemCase('phase', 'sparse', {
        seed: 3,
        batch: batch as number,
        n: n as number,
      })
      const once = async (): Promise<number[]> => {
        await using _ = scope()
        const t = leaves(inputs, 'float32')
        const { final } = await oscillatorSolve({
          ...options(t),
          start: t.start as Tensor,
          times: [0.5],
        } as never as OscillatorSolveOptions)
        final.backward(
          tensor(new Float32Array(final.length).fill(1), { shape: final.shape, device }),
        )
        const all = [await final.data()]
        for (const leaf of Object.values(t))
          all.push((await leaf.grad?.data()) ?? new Float32Array())
        return all.flatMap((data) => [...data])
      }
      assertSameBits(await once(), await once(), `${n} by ${batch}`)
    }
  })

  test('refuses what has no meaning', async () => {
    const base = bank([1], starts(1, 3))
    const refused = (changed: object, pattern: RegExp): Promise<void> =>
      assert.rejects(oscillatorSolve({ ...base, ...changed } as never), pattern)
    await refused({ times: [] }, /times must be an array of at least 1 number/)
    await refused({ times: [1, 1] }, /times must be ascending, got 1 twice/)
    await refused({ times: [2, 1] }, /times must be a finite number of at least 2, got 1/)
    await refused({ times: [-1] }, /times must be a finite number of at least 0, got -1/)
    await refused({ absoluteTolerance: 0 }, /absoluteTolerance must be/)
    await refused(
      { relativeTolerance: -1 },
      /relativeTolerance must be a finite number of at least 0, got -1/,
    )
    await refused({ maximumSteps: 0 }, /maximumSteps must be an integer of at least 1, got 0/)
    await refused({ firstStep: -1 }, /firstStep must be a finite number of at least 0/)
    await refused(
      { drive: number([1, 2, 3], [1, 3]), driveKind: 'step' },
      /driveKind must be one of node, batch, got step/,
    )
    await refused({ system: 'lorenz' }, /system must be one of phase, swing/)
  })
})

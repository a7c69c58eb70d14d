// Velocities, fixed steps and solutions of oscillators against their golden files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  kuramotoVelocity,
  type OscillatorMethod,
  type OscillatorStepsOptions,
  type OscillatorSystem,
  oscillatorSolve,
  oscillatorSteps,
  type PhaseSystem,
  scope,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { assertClose } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { type GoldenCase, goldenNames, readGolden, withPrefix } from './support/golden.js'
import { goldenInputs, runGolden } from './support/golden-run.js'
import { goldenSystem } from './support/oscillators.js'

const dtypes = ['float64', 'float32'] as const

// Two tensors as the halves of the rows of one, and one tensor's rows in halves: the golden files hold
// phases and velocities apart.
async function swing(
  golden: GoldenCase,
  run: { device: 'cpu' | 'cuda'; dtype: 'float64' | 'float32' },
) {
  await using _ = scope()
  const inputs = goldenInputs(golden, run)
  const array = (name: string) => golden.arrays.get(name)
  const [batch = 0, n = 0] = array('in.phases')?.shape ?? []
  const rows = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Float64Array.from({ length: 2 * batch * n }, (_, at) => {
      const [row, i] = [Math.floor(at / (2 * n)), at % (2 * n)]
      return (i < n ? a[row * n + i] : b[row * n + i - n]) as number
    })
  const joined = (first: string, second: string) =>
    rows(array(first)?.data ?? [], array(second)?.data ?? [])
  const whole = { shape: [batch, 2 * n], ...run }
  const start = tensor(joined('in.phases', 'in.velocities'), { ...whole, requiresGrad: true })
  const { final, winding } = oscillatorSteps({
    ...(goldenSystem(golden, 'swing', inputs) as OscillatorStepsOptions),
    start,
    method: golden.args.method as OscillatorMethod,
    dt: golden.args.dt as number,
    steps: golden.args.steps as number,
  })
  const bounds = run.dtype === 'float64' ? [1e-9, 1e-9] : [1e-5, 1e-4]
  const label = `${golden.name} in ${run.dtype}`
  const want = joined('out.phases', 'out.velocities')
  assertClose(await final.data(), want, bounds[0] as number, `${label}: final`)
  assert.deepEqual([...((await winding?.data()) ?? [])], [...(array('out.winding')?.data ?? [])])
  final.backward(tensor(joined('cot.phases', 'cot.velocities'), whole))
  const gradStart = joined('grad.phases', 'grad.velocities')
  assertClose((await start.grad?.data()) ?? [], gradStart, bounds[1] as number, `${label}: start`)
  for (const [name, { data }] of withPrefix(golden, 'grad')) {
    if (name === 'phases' || name === 'velocities') continue
    const got = (await inputs.get(name)?.grad?.data()) ?? []
    assertClose(got, data, bounds[1] as number, `${label}: gradient of ${name}`)
  }
}

onEveryDevice('golden oscillators', (device) => {
  for (const name of goldenNames(/^kuramoto-velocity-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of dtypes) {
        const compute = (inputs: ReadonlyMap<string, Tensor>) => {
          const system = goldenSystem(golden, 'phase', inputs) as PhaseSystem
          return {
            velocity: kuramotoVelocity({ ...system, phases: inputs.get('phases') as Tensor }),
          }
        }
        await runGolden(golden, { device, dtype, compute })
      }
    })
  }

  for (const name of goldenNames(/^swing-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      for (const dtype of dtypes) await swing(golden, { device: device as 'cpu', dtype })
    })
  }

  for (const name of goldenNames(/^(stuart-landau|ott-antonsen)-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      const isMean = name.startsWith('ott')
      for (const dtype of dtypes) {
        for (const checkpoint of [1, 3, 100]) {
          const compute = (inputs: ReadonlyMap<string, Tensor>) => {
            const { final } = oscillatorSteps({
              ...(goldenSystem(
                golden,
                isMean ? 'ott-antonsen' : 'stuart-landau',
                inputs,
              ) as OscillatorStepsOptions),
              start: inputs.get(isMean ? 'order' : 'state') as Tensor,
              method: golden.args.method as OscillatorMethod,
              dt: golden.args.dt as number,
              steps: golden.args.steps as number,
              checkpoint,
            })
            return { [isMean ? 'order' : 'state']: final }
          }
          await runGolden(golden, { device, dtype, compute })
        }
      }
    })
  }

  for (const name of goldenNames(/^solve-/)) {
    test(`meets ${name}`, async () => {
      const golden = await readGolden(name)
      await using _ = scope()
      const inputs = goldenInputs(golden, { device, dtype: 'float64' })
      const { trajectory, final, accepted } = await oscillatorSolve({
        ...goldenSystem(golden, golden.args.system as OscillatorSystem['system'], inputs),
        start: inputs.get('start') as Tensor,
        times: golden.args.times as number[],
        relativeTolerance: 1e-9,
        absoluteTolerance: 1e-10,
      })
      const out = withPrefix(golden, 'out')
      assertClose(await trajectory.data(), out.get('trajectory')?.data ?? [], 1e-6, 'trajectory')
      assertClose(await final.data(), out.get('last')?.data ?? [], 1e-6, 'last')
      assert.ok((await accepted.data()).every((steps) => steps > 5 && steps < 5000))
      const cotangent = golden.arrays.get('cot.last')
      if (!cotangent) return
      final.backward(tensor(cotangent.data, { shape: final.shape, dtype: 'float64', device }))
      for (const [key, { data }] of withPrefix(golden, 'grad')) {
        const got = (await inputs.get(key)?.grad?.data()) ?? []
        assertClose(got, data, 1e-5, `gradient of ${key}`)
      }
    })
  }
})

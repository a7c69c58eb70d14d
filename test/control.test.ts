// The control loop of the Möbius sphere: its agent, its losses, and that runs can be cut and continued.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { advantageLoss, type Losses, referenceLoss } from '../lib/control/agent-update.js'
import {
  AbortError,
  Adam,
  type AgentPass,
  affine,
  CheckpointError,
  ControlLoop,
  type ControlLoopOptions,
  type DeviceName,
  DtypeError,
  device as deviceOf,
  fill,
  MetricsWriter,
  MobiusSphere,
  type MobiusSphereOptions,
  matrixProduct,
  noGrad,
  ShapeError,
  SphereAgent,
  type SphereAgentOptions,
  scope,
  structureHeads,
  type Tensor,
  tensor,
  ValueError,
} from '../lib/index.js'
import { assertClose, assertSameBits, generator } from './support/compare.js'
import { onEveryDevice } from './support/devices.js'
import { temporaryFolder } from './support/project.js'

const small = { hidden: 8, layers: 2, actions: 5 } as const

/** A small loop and its parts, disposed at the end of the test. */
function smallLoop(
  context: { after(body: () => void): void },
  device: DeviceName,
  {
    loop = {},
    sphere = {},
    agent = {},
  }: {
    loop?: Partial<ControlLoopOptions>
    sphere?: MobiusSphereOptions
    agent?: SphereAgentOptions
  } = {},
): ControlLoop {
  const parts = {
    sphere: new MobiusSphere({ nodes: 40, seed: 3, device, ...sphere }),
    agent: new SphereAgent({ ...small, seed: 4, device, ...agent }),
  }
  const made = new ControlLoop({ ...parts, horizon: 3, seed: 5, ...loop })
  context.after(() => {
    made.dispose()
    parts.agent.dispose()
    parts.sphere.dispose()
  })
  return made
}

const numbers = async (of: Tensor): Promise<number[]> =>
  Array.from((await of.data()) as ArrayLike<number>)

/** Everything that a loop consists of, by name. */
async function everything(loop: ControlLoop): Promise<Map<string, number[]>> {
  const all = [
    ...loop.agent.namedParameters(),
    ...loop.sphere.namedTensors(),
    ...loop.optimizer.state(),
  ]
  const found = new Map<string, number[]>()
  for (const [name, of] of all) found.set(name, await numbers(of))
  return found
}

function assertEqual(a: Map<string, number[]>, b: Map<string, number[]>): void {
  assert.deepEqual([...a.keys()], [...b.keys()])
  for (const [name, values] of a) assertSameBits(values, b.get(name) ?? [], name)
}

onEveryDevice('the agent', (device) => {
  const states = (time: number, seed = 1): Tensor =>
    tensor(generator(seed).normals(256 * time), { shape: [1, time, 256], dtype: 'float64', device })

  test('gives means, values and a memory; all at once or step by step', async () => {
    await using _ = scope()
    using agent = new SphereAgent({ ...small, seed: 2, dtype: 'float64', device })
    const whole = agent.forward(states(3))
    assert.deepEqual(
      [whole.action, whole.structure, whole.value].map(({ shape }) => shape),
      [[3, 5], [3, 6], [3]],
    )
    const steps: AgentPass[] = []
    for (let t = 0; t < 3; ++t) {
      const all = await numbers(states(3))
      const one = { shape: [1, 1, 256], dtype: 'float64', device } as const
      const step = tensor(all.slice(256 * t, 256 * (t + 1)), one)
      steps.push(agent.forward(step, steps.at(-1)?.memory))
    }
    for (const key of ['action', 'structure', 'value'] as const) {
      const rows = await Promise.all(steps.map((step) => numbers(step[key])))
      assertClose(rows.flat(), await numbers(whole[key]), 1e-12, key)
    }
    assertClose(await numbers(agent.value(states(3))), await numbers(whole.value), 1e-12, 'value')
    const last = steps.at(-1)?.memory.cell[1] as Tensor
    assertClose(await numbers(last), await numbers(whole.memory.cell[1] as Tensor), 1e-12, 'cell')
    for (const x of await numbers(whole.action)) assert.ok(Math.abs(x) < 1)
    for (const x of await numbers(whole.structure)) assert.ok(x > 0 && x < 1)
  })

  test('has six heads, each of its own two layers', async () => {
    await using _ = scope()
    using agent = new SphereAgent({ ...small, seed: 2, dtype: 'float64', device })
    const get = (name: string): Promise<number[]> =>
      numbers(agent.namedParameters().get(name) as Tensor)
    const { memory, structure } = agent.forward(states(1))
    const h = await numbers(memory.hidden[1] as Tensor)
    const [w1, b1] = [await get('structure.0.weight'), await get('structure.0.bias')]
    const [w2, b2] = [await get('structure.1.weight'), await get('structure.1.bias')]
    const expected = structureHeads.map((_, head) => {
      let sum = b2[head] as number
      for (let i = 0; i < 2; ++i) {
        const row = 2 * head + i
        let inner = b1[row] as number
        for (const [k, x] of h.entries()) inner += x * (w1[row * h.length + k] as number)
        sum += Math.max(inner, 0) * (w2[row] as number)
      }
      return 1 / (1 + Math.exp(-sum))
    })
    assertClose(await numbers(structure), expected, 1e-12, 'structure')
  })

  test('is the same for a seed and another for another', async () => {
    using first = new SphereAgent({ ...small, device })
    using again = new SphereAgent({ ...small, device })
    using other = new SphereAgent({ ...small, seed: 1, device })
    for (const [name, of] of first.namedParameters()) {
      const bits = await numbers(of)
      assertSameBits(bits, await numbers(again.namedParameters().get(name) as Tensor), name)
      if (name.endsWith('logDeviation')) continue
      assert.notDeepEqual(bits, await numbers(other.namedParameters().get(name) as Tensor), name)
    }
    using whole = new SphereAgent({ device })
    assert.equal(whole.parameterCount, 8_629_005)
  })

  test('refuses sizes, dtypes and shapes', () => {
    assert.throws(() => new SphereAgent({ hidden: 0, device }), ShapeError)
    assert.throws(() => new SphereAgent({ actionDeviation: 0, device }), ValueError)
    assert.throws(() => new SphereAgent({ seed: -1, device }), ShapeError)
    const dtype = 'int32' as 'float32'
    assert.throws(() => new SphereAgent({ dtype, device }), DtypeError)
    using agent = new SphereAgent({ ...small, device })
    using wide = tensor(new Float64Array(300), { shape: [1, 1, 300], device })
    assert.throws(() => agent.forward(wide), /SphereAgent.forward: states must be of shape/)
    using double = states(1)
    assert.throws(() => agent.value(double), DtypeError)
  })
})

onEveryDevice('losses', (device) => {
  const time = 3
  const of = (shape: readonly number[], seed: number): Tensor => {
    const count = shape.reduce((all, size) => all * size, 1)
    return tensor(generator(seed).normals(count), { shape, dtype: 'float64', device })
  }

  // Every parameter's gradient at some elements against central differences.
  async function check(loss: (pass: AgentPass, agent: SphereAgent) => Losses, names: RegExp) {
    await using _ = scope()
    using agent = new SphereAgent({ ...small, seed: 6, dtype: 'float64', device })
    const states = of([1, time, 256], 1)
    const memory = {
      hidden: [of([1, 8], 2), of([1, 8], 3)],
      cell: [of([1, 8], 4), of([1, 8], 5)],
    }
    const total = () => loss(agent.forward(states, memory), agent).loss
    total().backward()
    const value = () => noGrad(() => scope(() => total().item()))
    for (const [name, parameter] of agent.namedParameters()) {
      if (!names.test(name)) {
        assert.ok(parameter.grad === null, `${name} has a gradient`)
        continue
      }
      const gradient = await numbers(parameter.grad as Tensor)
      const data = await numbers(parameter)
      const chosen = [...new Set([0, data.length >> 1, data.length - 1])]
      const numeric: number[] = []
      for (const i of chosen) {
        const at = async (offset: number): Promise<number> => {
          parameter.set(data.map((x, j) => (j === i ? x + offset : x)))
          return await value()
        }
        numeric.push(((await at(1e-5)) - (await at(-1e-5))) / 2e-5)
      }
      parameter.set(data)
      // Norm-wise, but for elements whose gradient is nothing beside rounding.
      for (const [k, i] of chosen.entries()) {
        const difference = Math.abs((gradient[i] as number) - (numeric[k] as number))
        assert.ok(difference < 1e-8, `${name}[${i}]: ${gradient[i]} and ${numeric[k]}`)
      }
      assert.ok(
        gradient.some((x) => x !== 0),
        `${name} has a gradient of zeros`,
      )
    }
  }

  test('of the advantage actor-critic has the gradient of its differences', async () => {
    await using _ = scope()
    const rollout = {
      states: of([1, time, 256], 1),
      actions: of([time, 5], 7),
      structures: of([time, 2], 8),
      rewards: of([time], 9),
      memory: null,
    }
    const targets = { advantages: of([time], 10), returns: of([time], 11) }
    const steered = tensor([0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], {
      shape: [2, 6],
      dtype: 'float64',
      device,
    })
    const options = {
      loss: 'advantage',
      discount: 0.9,
      trace: 0.8,
      valueWeight: 0.7,
      entropyWeight: 0.05,
    } as const
    await check(
      (pass, agent) => advantageLoss({ agent, pass, rollout, targets, steered, options }),
      /./,
    )
  })

  test('of the reference reaches only the critic and the memory, −(1/T) Σ V r', async () => {
    await using _ = scope()
    const rewards = of([time], 9)
    const rollout = {
      states: of([1, time, 256], 1),
      actions: of([time, 5], 7),
      structures: null,
      rewards,
      memory: null,
    }
    await check((pass) => referenceLoss(pass, rollout), /^(lstm|critic)\./)
    using agent = new SphereAgent({ ...small, dtype: 'float64', device })
    const pass = agent.forward(rollout.states)
    const [values, r] = [await numbers(pass.value), await numbers(rewards)]
    const expected = values.reduce((sum, v, t) => sum - (v * (r[t] as number)) / time, 0)
    assertClose([await referenceLoss(pass, rollout).loss.item()], [expected], 1e-13, 'loss')
  })
})

onEveryDevice('the control loop', (device) => {
  test('updates after every horizon and tells of every cycle', async (context) => {
    const loop = smallLoop(context, device)
    const before = await everything(loop)
    const steps: number[] = []
    const path = join(await temporaryFolder(context), 'metrics.jsonl')
    const writer = await MetricsWriter.open(path)
    const onProgress = ({ step }: { step: number }) => steps.push(step)
    const { metrics } = await loop.run({ cycles: 7, onProgress, writer })
    await writer.close()
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7])
    assert.deepEqual(
      metrics.map(({ loss }) => loss !== null),
      [false, false, true, false, false, true, false],
    )
    for (const { cycle, time, reward, vortices, density, loss, ...rest } of metrics) {
      assert.ok(Number.isFinite(reward) && reward <= 100)
      assert.ok(vortices >= 0 && density === vortices / 40)
      assert.ok(Math.abs(time - 0.1 * cycle) < 1e-12)
      if (loss === null) continue
      const { policyLoss, structureLoss, gradientNorm } = rest
      assert.ok(Math.abs((policyLoss ?? 0) + (structureLoss ?? 0) - loss) < 1e-5)
      assert.ok((gradientNorm ?? 0) > 0 && Number.isFinite(gradientNorm))
    }
    const lines = (await readFile(path, 'utf8')).trim().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      metrics,
    )
    const after = await everything(loop)
    for (const name of loop.agent.namedParameters().keys()) {
      assert.notDeepEqual(after.get(name), before.get(name), name)
    }
    assert.equal(loop.cycle, 7)
    assert.equal(loop.sphere.cycle, 7)
    assert.ok((metrics.at(-1)?.windings ?? 0) > 3.8)
  })

  test('obeys only the heads that steer, and none where there are none', async (context) => {
    const loop = smallLoop(context, device, { loop: { steered: ['torsion'] } })
    const { metrics } = await loop.run({ cycles: 3 })
    assert.equal(metrics.at(-1)?.windings, 3.8)
    assert.ok((metrics.at(-1)?.torsion ?? 0) > 0)
    const still = smallLoop(context, device, { loop: { steered: [], horizon: 1 } })
    const run = await still.run({ cycles: 2 })
    assert.deepEqual(
      run.metrics.map(({ structureLoss, torsion, loss }) => [
        structureLoss,
        torsion,
        loss !== null,
      ]),
      [
        [null, 0, true],
        [null, 0, true],
      ],
    )
  })

  test('changes the number of nodes where sites are steered', async (context) => {
    const loop = smallLoop(context, device, {
      loop: { steered: ['sites', 'uvhlN'], horizon: 1 },
      sphere: { sampleSize: 100 },
    })
    const { metrics } = await loop.run({ cycles: 2 })
    assert.ok((metrics[0]?.nodes ?? 0) >= 10_000, String(metrics[0]?.nodes))
    assert.equal(metrics[1]?.windings, 3.8)
  })

  test("with the reference's loss takes the actor's means, and only the critic learns", async (context) => {
    const loop = smallLoop(context, device, { loop: { loss: 'reference', horizon: undefined } })
    const before = await everything(loop)
    const { metrics } = await loop.run({ cycles: 3 })
    assert.equal(loop.settings.horizon, 1)
    assert.ok(metrics.every(({ loss, structureLoss }) => loss !== null && structureLoss === null))
    const after = await everything(loop)
    assert.deepEqual(after.get('actor.0.weight'), before.get('actor.0.weight'))
    assert.notDeepEqual(after.get('critic.0.weight'), before.get('critic.0.weight'))
  })

  test('gives the same bits whether it runs once, in pieces or from a checkpoint', async (context) => {
    const path = join(await temporaryFolder(context), 'loop.safetensors')
    const options = { sphere: { skipInterval: 2, sampleSize: 20 } }
    const whole = smallLoop(context, device, options)
    const { metrics } = await whole.run({ cycles: 9 })
    const pieces = smallLoop(context, device, options)
    // In the middle of a rollout, twice; the second is on the way while the run goes on.
    await pieces.run({ cycles: 4 })
    const saving = pieces.save(path)
    const rest = await pieces.run({ cycles: 5 })
    await saving
    assert.deepEqual(rest.metrics, metrics.slice(4))
    assertEqual(await everything(pieces), await everything(whole))
    const resumed = smallLoop(context, device, { ...options, agent: { seed: 4 } })
    await resumed.run({ cycles: 2 })
    await resumed.restore(path)
    assert.equal(resumed.cycle, 4)
    assert.deepEqual((await resumed.run({ cycles: 5 })).metrics, metrics.slice(4))
    assertEqual(await everything(resumed), await everything(whole))
    assert.equal(resumed.optimizer.steps, whole.optimizer.steps)
  })

  test('goes on from a checkpoint with an update after every cycle, too', async (context) => {
    const path = join(await temporaryFolder(context), 'loop.safetensors')
    const whole = smallLoop(context, device, { loop: { horizon: 1 } })
    await whole.run({ cycles: 3 })
    await whole.save(path)
    const resumed = smallLoop(context, device, { loop: { horizon: 1 } })
    await resumed.restore(path)
    const { metrics } = await resumed.run({ cycles: 3 })
    assert.deepEqual(metrics, (await whole.run({ cycles: 3 })).metrics)
    assertEqual(await everything(resumed), await everything(whole))
  })

  test('refuses checkpoints of others and changes nothing then', async (context) => {
    const folder = await temporaryFolder(context)
    const path = join(folder, 'loop.safetensors')
    const loop = smallLoop(context, device)
    await loop.run({ cycles: 2 })
    await loop.save(path)
    const other = smallLoop(context, device, { loop: { discount: 0.5 } })
    const before = await everything(other)
    await assert.rejects(other.restore(path), (error: unknown) => {
      assert.ok(error instanceof CheckpointError)
      assert.match(error.message, /ControlLoop.restore: .*loop must have the options/)
      return true
    })
    const bytes = await readFile(path)
    const cut = join(folder, 'cut.safetensors')
    await writeFile(cut, bytes.subarray(0, bytes.length - 4))
    await assert.rejects(other.restore(cut), CheckpointError)
    await assert.rejects(other.restore(join(folder, 'absent')), CheckpointError)
    assertEqual(await everything(other), before)
    assert.equal(other.cycle, 0)
    await other.run({ cycles: 1 })
  })

  test('stops at a signal with what was done, and can go on', async (context) => {
    const loop = smallLoop(context, device)
    const controller = new AbortController()
    const onProgress = ({ step }: { step: number }) => step === 3 && controller.abort('enough')
    const { signal } = controller
    await assert.rejects(
      loop.run({ cycles: 100, signal, onProgress: (progress) => void onProgress(progress) }),
      (error: unknown) => {
        assert.ok(error instanceof AbortError)
        const { metrics } = error.partial as { metrics: readonly unknown[] }
        assert.equal(metrics.length, loop.cycle)
        assert.ok(loop.cycle >= 3 && loop.cycle <= 5, String(loop.cycle))
        assert.equal(error.cause, 'enough')
        return true
      },
    )
    const done = loop.cycle
    await assert.rejects(loop.run({ cycles: 1, signal }), AbortError)
    assert.equal(loop.cycle, done)
    assert.equal((await loop.run({ cycles: 1 })).metrics[0]?.cycle, done + 1)
  })

  test('keeps no memory beyond its own, whatever its horizon, and gives that back', async (context) => {
    const path = join(await temporaryFolder(context), 'loop.safetensors')
    const live = (): number => deviceOf(device).memory().live
    const before = live()
    for (const options of [{ horizon: 1 }, { horizon: 3 }, { loss: 'reference' }] as const) {
      const sphere = new MobiusSphere({ nodes: 40, device })
      const agent = new SphereAgent({ ...small, device })
      const loop = new ControlLoop({ sphere, agent, ...options })
      await loop.run({ cycles: 6 })
      const during = live()
      await loop.run({ cycles: 6 })
      assert.equal(live(), during)
      await loop.save(path)
      await loop.restore(path)
      await loop.run({ cycles: 3 })
      assert.equal(live(), during)
      for (const part of [loop, agent, sphere]) part.dispose()
      assert.equal(live(), before)
    }
  })

  test('leaves the event loop free', async (context) => {
    const loop = smallLoop(context, device)
    let turns = 0
    const timer = setInterval(() => ++turns, 0)
    await loop.run({ cycles: 30 })
    clearInterval(timer)
    assert.ok(turns > 0)
  })

  test('refuses parts that do not fit, and a second run', async (context) => {
    const loop = smallLoop(context, device)
    const { sphere, agent } = loop
    const make = (options: Partial<ControlLoopOptions>) => () =>
      new ControlLoop({ sphere, agent, ...options })
    assert.throws(make({ horizon: 0 }), /ControlLoop: horizon must be an integer/)
    assert.throws(make({ discount: 1.5 }), ValueError)
    assert.throws(make({ timeStep: Number.NaN }), ValueError)
    assert.throws(make({ loss: 'other' as 'advantage' }), /loss must be advantage or reference/)
    assert.throws(make({ steered: ['uvhlW' as 'torsion'] }), /steered must be some of windings/)
    assert.throws(make({ steered: ['torsion', 'torsion'] }), ValueError)
    using double = new SphereAgent({ ...small, dtype: 'float64', device })
    assert.throws(make({ agent: double }), DtypeError)
    using narrow = new SphereAgent({ ...small, states: 255, device })
    assert.throws(make({ agent: narrow }), /agent must see 256 states/)
    using many = new SphereAgent({ ...small, actions: 41, device })
    assert.throws(make({ agent: many }), /at most nodes = 40 actions, got 41/)
    using foreign = new Adam(many.parameters())
    assert.throws(make({ optimizer: foreign }), /over the agent's parameters/)
    await assert.rejects(loop.run({ cycles: 0 }), ShapeError)
    const first = loop.run({ cycles: 2 })
    await assert.rejects(loop.run({ cycles: 1 }), /loop must be at rest/)
    await assert.rejects(loop.restore('none'), /loop must be at rest/)
    await first
    const wrong = smallLoop(context, device, { loop: { reward: ({ phases }) => phases } })
    await assert.rejects(wrong.run({ cycles: 1 }), /ControlLoop: reward must be of shape/)
    assert.equal(wrong.cycle, 0)
    loop.dispose()
    await assert.rejects(loop.run({ cycles: 1 }), /loop must be alive/)
  })

  test('learns what is rewarded', async (context) => {
    // A bandit: the reward is the mean action itself, and the amplitudes start anew each time.
    const actions = 16
    const ones = tensor(new Float64Array(actions).fill(1 / actions), {
      shape: [1, actions],
      device,
    })
    context.after(() => ones.dispose())
    const agent = new SphereAgent({ hidden: 16, layers: 1, actions, device })
    context.after(() => agent.dispose())
    const optimizer = new Adam(agent.parameters(), { learningRate: 0.03, clipNorm: 1 })
    context.after(() => optimizer.dispose())
    const loop = smallLoop(context, device, {
      sphere: { nodes: actions },
      loop: {
        agent,
        optimizer,
        horizon: 4,
        steered: [],
        discount: 0,
        rewardScale: 1,
        reward: ({ amplitudes }) => {
          const right = amplitudes.reshape([actions, 1])
          const mean = matrixProduct({ left: ones, right }).reshape([1])
          const reward = affine(mean, { factor: 50, offset: -100 })
          fill(amplitudes, 2)
          return reward
        },
      },
    })
    const { metrics } = await loop.run({ cycles: 160 })
    const mean = (part: typeof metrics): number =>
      part.reduce((sum, { reward }) => sum + reward, 0) / part.length
    const [first, last] = [mean(metrics.slice(0, 20)), mean(metrics.slice(-20))]
    assert.ok(last > first + 0.3, `mean reward ${first} at first, ${last} at last`)
  })
})

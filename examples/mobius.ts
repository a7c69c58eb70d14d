// Trains the control loop of a Möbius sphere: 8000 oscillating nodes on a helix, whose shape and
// amplitudes an agent with a long short-term memory moves so that their waves meet in many vortices. Every
// cycle computes the field at every node.
//
//   node dist/examples/mobius.js                     120 cycles, some seconds on two processor cores
//   node dist/examples/mobius.js --cycles 1000 --checkpoint runs/mobius/loop.safetensors
//
// With --checkpoint the run goes on from that file where it is there, and writes it at the end. Ctrl-C
// ends a run early; what it did is drawn all the same.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  AbortError,
  ControlLoop,
  type ControlMetrics,
  type ControlRun,
  type DeviceName,
  EntrainError,
  MetricsWriter,
  MobiusSphere,
  SphereAgent,
} from '../lib/index.js'
import { lineChart } from './support/line-chart.js'
import { Progress } from './support/progress.js'
import { spherePicture } from './support/sphere-picture.js'

/** Where |F| is below this, there is a vortex. */
const kVortex = 0.3

const { values: options } = parseArgs({
  options: {
    cycles: { type: 'string', default: '120' },
    nodes: { type: 'string', default: '8000' },
    hidden: { type: 'string', default: '512' },
    size: { type: 'string', default: '900' },
    seed: { type: 'string', default: '1' },
    checkpoint: { type: 'string' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/mobius' },
  },
})

/** Runs the loop with progress until it is done or interrupted. */
async function train(loop: ControlLoop, cycles: number): Promise<ControlRun> {
  await using writer = await MetricsWriter.open(join(options.out, 'metrics.jsonl'))
  using progress = new Progress({ total: cycles, name: 'reward', unit: 'cycles' })
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort('interrupted')
  process.once('SIGINT', stop)
  const began = performance.now()
  try {
    return await loop.run({
      cycles,
      signal: interrupted.signal,
      writer,
      onProgress: ({ step, metrics: { reward } }) => {
        const perSecond = (1000 * step) / (performance.now() - began)
        progress.update({ step, value: reward, perSecond })
      },
    })
  } catch (error) {
    if (error instanceof AbortError) return error.partial as ControlRun
    throw error
  } finally {
    process.off('SIGINT', stop)
  }
}

/** The sphere as it is: hue by the phase of the field, vortices ringed. */
async function drawSphere(sphere: MobiusSphere, path: string): Promise<void> {
  const [positions, field] = await Promise.all([sphere.positions.data(), sphere.field.data()])
  const { nodes } = sphere
  const phases = new Float64Array(nodes)
  const vortices = new Set<number>()
  for (let i = 0; i < nodes; ++i) {
    const [re, im] = [field[i] as number, field[nodes + i] as number]
    phases[i] = Math.atan2(im, re)
    if (Math.hypot(re, im) < kVortex) vortices.add(i)
  }
  const size = Number(options.size)
  const numbers = positions as ArrayLike<number>
  await spherePicture({ size, positions: numbers, phases, vortices }).write(path)
}

function drawCurves(metrics: readonly ControlMetrics[], subtitle: string): string {
  return lineChart({
    title: 'Steering a Möbius sphere',
    subtitle,
    xName: 'cycle',
    yName: 'reward',
    rightName: 'vortices among nodes, %',
    series: [
      { name: 'reward', values: metrics.map(({ cycle, reward }) => [cycle, reward]) },
      {
        name: 'vortex density',
        values: metrics.map(({ cycle, density }) => [cycle, 100 * density]),
        right: true,
      },
    ],
  })
}

async function main(): Promise<void> {
  const device = options.device as DeviceName | undefined
  const [nodes, hidden, seed] = [options.nodes, options.hidden, options.seed].map(Number)
  using sphere = new MobiusSphere({ nodes, seed, exactVortices: true, device })
  using agent = new SphereAgent({ hidden, seed, device })
  using loop = new ControlLoop({ sphere, agent, seed })
  await mkdir(options.out, { recursive: true })
  const { checkpoint } = options
  if (checkpoint !== undefined && existsSync(checkpoint)) {
    await loop.restore(checkpoint)
    console.log(`${checkpoint}: goes on after cycle ${loop.cycle}`)
  }
  const parameters = (agent.parameterCount / 1e6).toFixed(1)
  const what = `${sphere.nodes} nodes, agent of ${parameters} M parameters`
  console.log(`${what}; device ${sphere.device}`)
  const began = performance.now()
  const { metrics } = await train(loop, Number(options.cycles))
  const milliseconds = (performance.now() - began) / Math.max(metrics.length, 1)
  if (checkpoint !== undefined) await loop.save(checkpoint)
  const tenth = Math.max(1, Math.floor(metrics.length / 10))
  const mean = (part: readonly ControlMetrics[], of: (one: ControlMetrics) => number): string =>
    (part.reduce((sum, one) => sum + of(one), 0) / Math.max(part.length, 1)).toFixed(3)
  for (const [title, part] of [
    ['first tenth', metrics.slice(0, tenth)],
    ['last tenth', metrics.slice(-tenth)],
  ] as const) {
    const percent = mean(part, ({ density }) => 100 * density)
    console.log(`${title.padEnd(12)} reward ${mean(part, (m) => m.reward)}, density ${percent} %`)
  }
  console.log(`${metrics.length} cycles, ${milliseconds.toFixed(1)} ms each`)
  await drawSphere(sphere, join(options.out, 'sphere.png'))
  await writeFile(join(options.out, 'control.svg'), drawCurves(metrics, what))
  console.log(`${options.out}: sphere.png, control.svg, metrics.jsonl`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

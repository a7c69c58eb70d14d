// Learns natural frequencies: gradients through a whole run move them until the oscillators synchronise
// as much as they are asked to, neither more nor less.
//
//   node dist/examples/learn-frequencies.js                    some seconds on two processor cores
//   node dist/examples/learn-frequencies.js --target 0.9
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  Adam,
  type DeviceName,
  EntrainError,
  KuramotoBank,
  scope,
  smallWorld,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { lineChart } from './support/line-chart.js'

const kTimeStep = 0.1
const kSteps = 150
/** R is averaged over the second half of a run, at every fifth step. */
const kRecord = 5

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', default: '0.7' },
    oscillators: { type: 'string', default: '200' },
    iterations: { type: 'string', default: '120' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/frequencies' },
  },
})

const deviation = (values: ArrayLike<number>): number => {
  const all = Array.from(values)
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length
  return Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length)
}

/** One run: the mean R of its second half, with the gradient of (R − target)² left in the parameters. */
async function iterate(bank: KuramotoBank, target: number): Promise<number> {
  await using _ = scope()
  const run = bank.forward({ steps: kSteps, dt: kTimeStep, record: kRecord })
  const R = run.R as Tensor
  const series = (await R.data()) as Float32Array
  const half = series.length >> 1
  const mean = series.subarray(half).reduce((sum, value) => sum + value, 0) / (series.length - half)
  const share = (2 * (mean - target)) / (series.length - half)
  const gradient = Float64Array.from(series, (_, i) => (i < half ? 0 : share))
  R.backward(tensor(gradient, { shape: R.shape, device: bank.device }))
  return mean
}

async function main(): Promise<void> {
  const target = Number(options.target)
  const iterations = Number(options.iterations)
  using bank = new KuramotoBank({
    oscillators: Number(options.oscillators),
    naturalFrequencies: { distribution: 'normal', width: 1 },
    coupling: 2,
    topology: smallWorld({ neighbours: 4, rewiring: 0.3 }),
    normalisation: 'degree',
    learnable: { naturalFrequencies: true },
    device: options.device as DeviceName | undefined,
    seed: 1,
  })
  const [frequencies] = bank.parameters() as [Tensor]
  const before = (await frequencies.data()) as Float32Array
  using optimizer = new Adam(bank.parameters(), { learningRate: 0.02 })
  const curve: [number, number][] = []
  for (let i = 0; i < iterations; ++i) {
    curve.push([i, await iterate(bank, target)])
    optimizer.step()
  }
  const after = (await frequencies.data()) as Float32Array
  const last = curve.at(-1)?.[1] ?? Number.NaN
  console.log(`target R        ${target.toFixed(3)}`)
  console.log(`R at first      ${(curve[0]?.[1] ?? Number.NaN).toFixed(3)}`)
  console.log(`R after ${iterations} iterations ${last.toFixed(3)}`)
  console.log(
    `deviation of ω  ${deviation(before).toFixed(3)} at first, ${deviation(after).toFixed(3)} learned`,
  )
  await mkdir(options.out, { recursive: true })
  const picture = lineChart({
    title: 'Learning natural frequencies',
    subtitle: `${options.oscillators} oscillators on a small world, gradients through ${kSteps} steps`,
    xName: 'iteration',
    yName: 'order parameter R',
    range: [0, 1],
    series: [
      { name: 'R', values: curve },
      {
        name: 'target',
        values: [
          [0, target],
          [iterations - 1, target],
        ],
        dashed: true,
      },
    ],
  })
  await writeFile(join(options.out, 'learning.svg'), picture)
  console.log(`${options.out}: learning.svg`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

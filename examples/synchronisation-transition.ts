// Kuramoto's transition: oscillators of Lorentzian frequencies begin to synchronise where the coupling
// passes Kc = 2Δ, with R = √(1 − Kc/K) beyond. All couplings run side by side as one batch.
//
//   node dist/examples/synchronisation-transition.js              some seconds on two processor cores
//   node dist/examples/synchronisation-transition.js --oscillators 1000000 --device cuda
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DeviceName, EntrainError, KuramotoBank } from '../lib/index.js'
import { lineChart } from './support/line-chart.js'
import { shortNumber } from './support/progress.js'

/** Half width Δ of the frequencies, rad per unit of time. */
const kWidth = 0.5
const kCritical = 2 * kWidth
const kLargest = 3
const kTimeStep = 0.1

const { values: options } = parseArgs({
  options: {
    oscillators: { type: 'string', default: '50000' },
    couplings: { type: 'string', default: '25' },
    time: { type: 'string', default: '60' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/synchronisation' },
  },
})

async function main(): Promise<void> {
  const oscillators = Number(options.oscillators)
  const batch = Number(options.couplings)
  const steps = Math.round(Number(options.time) / kTimeStep)
  const couplings = Float64Array.from(
    { length: batch },
    (_, i) => (kLargest * i) / Math.max(1, batch - 1),
  )
  using bank = new KuramotoBank({
    oscillators,
    batch,
    coupling: couplings,
    naturalFrequencies: { distribution: 'lorentzian', width: kWidth, sampling: 'quantiles' },
    // All together at first: R falls to its value much faster than it would grow out of nothing.
    phases: new Float64Array(oscillators),
    device: options.device as DeviceName | undefined,
    seed: 1,
  })
  const began = performance.now()
  await bank.simulate({ steps, dt: kTimeStep })
  const { orderParameter, device } = await bank.simulate({ steps, dt: kTimeStep, record: 5 })
  const seconds = (performance.now() - began) / 1000
  const records = orderParameter.length / batch
  const measured = [...couplings].map((coupling, b) => {
    const series = Array.from(orderParameter.subarray(b * records, (b + 1) * records))
    return [coupling, series.reduce((sum, R) => sum + R, 0) / records] as const
  })
  const theory = Array.from({ length: 301 }, (_, i) => {
    const coupling = (kLargest * i) / 300
    return [coupling, coupling > kCritical ? Math.sqrt(1 - kCritical / coupling) : 0] as const
  })
  console.log('   K       R   √(1 − Kc/K)')
  let worst = 0
  for (const [coupling, R] of measured) {
    const expected = coupling > kCritical ? Math.sqrt(1 - kCritical / coupling) : 0
    // At the transition itself R falls algebraically and fluctuates most.
    if (Math.abs(coupling - kCritical) > 0.3) worst = Math.max(worst, Math.abs(R - expected))
    console.log(`${coupling.toFixed(3)}  ${R.toFixed(4)}  ${expected.toFixed(4)}`)
  }
  console.log(`greatest distance away from the transition ${worst.toFixed(4)}`)
  const rate = (oscillators * batch * 2 * steps) / seconds
  console.log(`${shortNumber(rate)} oscillator-steps a second on ${device}`)
  await mkdir(options.out, { recursive: true })
  const picture = lineChart({
    title: 'Onset of synchronisation',
    subtitle: `${oscillators} oscillators all to all, Lorentzian frequencies of half width ${kWidth}`,
    xName: 'coupling K',
    yName: 'order parameter R',
    range: [0, 1],
    series: [
      { name: '√(1 − Kc/K)', values: theory },
      { name: 'simulated', values: measured, points: true },
    ],
    marks: [{ name: 'Kc = 2Δ', x: kCritical }],
  })
  await writeFile(join(options.out, 'transition.svg'), picture)
  console.log(`${options.out}: transition.svg`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

// A power grid loses synchrony: New England's grid (IEEE 39-bus) runs in its equilibrium, a short circuit at
// bus 22 takes the bus out until the line 21–22 trips and clears it. Cleared in time the generators swing
// and settle; cleared too late, those beyond the lost line fall out of step.
//
//     M θ″ + D θ′ = P + Σ_j K_ij sin(θ_j − θ_i)
//
// Buses with constant loads keep their own nodes (Bergen & Hill 1981, doi:10.1109/TPAS.1981.316883), here with
// a small inertia; a generator is a node of constant voltage behind its transient reactance.
//
//   node dist/examples/power-grid.js                    a few seconds
//   node dist/examples/power-grid.js --late 0.5
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type DeviceName,
  EntrainError,
  fromEdgeList,
  type Graph,
  SwingNetwork,
} from '../lib/index.js'
import { lineChart } from './support/line-chart.js'
import { couplings, inertias, injections, newEngland39 } from './support/power-grids.js'

const grid = newEngland39
const kBuses = grid.buses.length
const kNodes = kBuses + grid.generators.length
/** Numbers of the line that trips and of the bus of the fault. */
const kTripped = grid.lines.findIndex(({ from, to }) => from === 21 && to === 22)
const kFault = 22
/** Seconds: a step, and between records. */
const kTimeStep = 0.002
const kRecord = 0.02
/** Of loads, in s² and s per radian, per unit: small, and a frequency dependence of some 7 % per 1 %. */
const kLoadInertia = 0.002
const kLoadDamping = 0.02
/** D/M of generators, per second. */
const kDecay = 0.2
/** Voltage behind the transient reactance, per unit of the terminal's. */
const kInternalVoltage = 1.05

const { values: options } = parseArgs({
  options: {
    early: { type: 'string', default: '0.2' },
    late: { type: 'string', default: '0.4' },
    seconds: { type: 'string', default: '8' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/power-grid' },
  },
})

/** The grid without some lines, and without any coupling of a bus that is short-circuited. */
function graphWithout({ tripped = [], fault = 0 }: { tripped?: number[]; fault?: number }): Graph {
  const { from, to, weight } = couplings(grid, tripped)
  for (const [place, { bus, transientReactance }] of grid.generators.entries()) {
    from.push(bus - 1)
    to.push(kBuses + place)
    const { voltage = 1 } = grid.buses[bus - 1] ?? {}
    weight.push((kInternalVoltage * voltage * voltage) / transientReactance)
  }
  const edges = from.map((at, i) => [at, to[i] as number, weight[i] as number] as const)
  const kept = edges.filter(([a, b]) => a !== fault - 1 && b !== fault - 1)
  return fromEdgeList(kept, { oscillators: kNodes })
}

/** Power, inertia and damping of every node: buses first, then the generators behind them. */
function nodes() {
  const injected = injections(grid)
  const masses = inertias(grid)
  const power = Float64Array.from({ length: kNodes }, (_, i) =>
    i < kBuses ? -(grid.buses[i]?.load ?? 0) / grid.basePower : 0,
  )
  const inertia = new Float64Array(kNodes).fill(kLoadInertia)
  const damping = new Float64Array(kNodes).fill(kLoadDamping)
  for (const [place, { bus }] of grid.generators.entries()) {
    const node = kBuses + place
    power[node] = (injected[bus - 1] as number) - (power[bus - 1] as number)
    inertia[node] = masses[bus - 1] as number
    damping[node] = kDecay * (masses[bus - 1] as number)
  }
  return { power, inertia, damping }
}

interface Course {
  /** Seconds since the fault. */
  readonly time: number[]
  /** R of all generators. */
  readonly coherence: number[]
  /** Turns of each generator since the beginning. */
  readonly turns: Float64Array
}

/** A fault that is cleared after some seconds by tripping the line. */
async function course(clearing: number): Promise<Course> {
  using whole = graphWithout({})
  using faulty = graphWithout({ fault: kFault })
  using without = graphWithout({ tripped: [kTripped] })
  using network = new SwingNetwork({
    oscillators: kNodes,
    ...nodes(),
    topology: whole,
    phases: startAngles(),
    dtype: 'float64',
    device: options.device as DeviceName | undefined,
  })
  const record = Math.round(kRecord / kTimeStep)
  const stepsOf = (seconds: number) => record * Math.max(1, Math.round(seconds / kRecord))
  network.step({ dt: kTimeStep, steps: stepsOf(20) })
  const turns = new Float64Array(grid.generators.length)
  const found: Course = { time: [], coherence: [], turns }
  for (const [graph, seconds] of [
    [whole, 0.5],
    [faulty, clearing],
    [without, Number(options.seconds)],
  ] as const) {
    network.rewire(graph)
    const steps = stepsOf(seconds)
    const { states } = await network.simulate({ dt: kTimeStep, steps, record, recordStates: true })
    append(found, states ?? [], { rows: steps / record, begin: graph === whole ? -0.5 : undefined })
  }
  return found
}

// Angles of the power flow; those of the generators somewhat ahead of their buses.
function startAngles(): Float64Array {
  const degrees = (bus: number): number => grid.buses[bus - 1]?.angle ?? 0
  const ahead = grid.generators.map(({ bus }) => degrees(bus) + 10)
  const all = [...grid.buses.map(({ angle }) => angle), ...ahead]
  return Float64Array.from(all, (angle) => (angle * Math.PI) / 180)
}

function append(
  { time, coherence, turns }: Course,
  states: ArrayLike<number>,
  { rows, begin }: { rows: number; begin?: number },
): void {
  const start = begin ?? time.at(-1) ?? 0
  const generators = Array.from({ length: kNodes - kBuses }, (_, i) => kBuses + i)
  for (let row = 0; row < rows; ++row) {
    const at = (place: number): number => states[row * 2 * kNodes + place] as number
    const mean = (of: (x: number) => number): number =>
      generators.reduce((sum, i) => sum + of(at(i)), 0) / generators.length
    time.push(start + kRecord * (row + 1))
    coherence.push(Math.hypot(mean(Math.cos), mean(Math.sin)))
    for (const [place, i] of generators.entries()) {
      turns[place] = (turns[place] as number) + (at(kNodes + i) * kRecord) / (2 * Math.PI)
    }
  }
}

async function main(): Promise<void> {
  const clearings = [Number(options.early), Number(options.late)]
  const courses: Course[] = []
  for (const clearing of clearings) courses.push(await course(clearing))
  console.log('cleared after   R at least   R at the end   turns apart')
  for (const [i, { coherence, turns }] of courses.entries()) {
    const end = coherence.slice(-50)
    const last = end.reduce((sum, R) => sum + R, 0) / end.length
    // A generator that fell out of step slips by whole turns.
    const apart = Math.max(...turns) - Math.min(...turns)
    const after = `${clearings[i]?.toFixed(2)} s`.padEnd(16)
    const least = Math.min(...coherence)
      .toFixed(3)
      .padEnd(13)
    const slipped = apart > 1 ? 'synchrony lost' : 'in step'
    console.log(
      `${after}${least}${last.toFixed(3).padEnd(15)}${apart.toFixed(2).padEnd(8)}${slipped}`,
    )
  }
  await mkdir(options.out, { recursive: true })
  const picture = lineChart({
    title: 'A short circuit in New England, cleared by tripping line 21–22',
    subtitle: `${grid.name}: swing equation of ${kBuses} buses and ${grid.generators.length} generators`,
    xName: 'seconds since the fault at bus 22',
    yName: 'R of the generators',
    range: [0, 1],
    series: courses.map(({ time, coherence }, i) => ({
      name: `cleared after ${clearings[i]} s`,
      values: time.map((t, at) => [t, coherence[at] as number] as const),
    })),
    marks: [{ name: 'fault', x: 0 }],
  })
  await writeFile(join(options.out, 'power-grid.svg'), picture)
  console.log(`${options.out}: power-grid.svg`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

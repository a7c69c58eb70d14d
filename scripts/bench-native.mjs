// The wave field on one core beside a plain C++ double loop with the compiler's own vector sine
// (bench/native/wave-libmvec.cpp), by turns. Processor time, so that other programs disturb little.
// Usage: node scripts/bench-native.mjs [nodes = 8000] [rounds = 15]
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.env.ENTRAIN_THREADS = '1' // before the addon starts its threads
const { tensor, waveField } = await import('../dist/lib/index.js')

const nodes = Number(process.argv[2] ?? 8000)
const rounds = Number(process.argv[3] ?? 15)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function succeed(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`)
  return stdout
}

const folder = join(root, 'build', 'native')
const program = join(folder, 'wave-libmvec')
mkdirSync(folder, { recursive: true })
const source = join(root, 'bench', 'native', 'wave-libmvec.cpp')
succeed(process.env.CXX ?? 'g++', ['-Ofast', '-march=native', source, '-o', program])

// Seeded places on the unit sphere (golden angle), as scattered as the program's.
const angle = Math.PI * (3 - Math.sqrt(5))
const height = (i) => 1 - (2 * i + 1) / nodes
const planes = [
  (i) => Math.sqrt(1 - height(i) ** 2) * Math.cos(angle * i),
  (i) => Math.sqrt(1 - height(i) ** 2) * Math.sin(angle * i),
  height,
]
const fill = (length, element) => Float32Array.from({ length }, (_, i) => element(i))
const vector = (data, shape) => tensor(data, { shape, dtype: 'float32', device: 'cpu' })
const system = {
  positions: vector(
    fill(3 * nodes, (i) => planes[Math.floor(i / nodes)](i % nodes)),
    [3, nodes],
  ),
  amplitudes: vector(
    fill(nodes, (i) => 0.5 + 1.5 * ((i * 0.618034) % 1)),
    [nodes],
  ),
  frequencies: vector(
    fill(nodes, (i) => 1.2 + 0.6 * ((i * 0.754878) % 1)),
    [nodes],
  ),
  phases: vector(
    fill(nodes, (i) => 6 * ((i * 0.56984) % 1)),
    [nodes],
  ),
}

async function measureOurs() {
  const before = process.cpuUsage()
  const field = waveField({ ...system, times: 1.5 })
  await field.data()
  const { user, system: kernel } = process.cpuUsage(before)
  field.dispose()
  return (user + kernel) / 1e3
}

const summary = (times) => {
  const sorted = times.toSorted((a, b) => a - b)
  return { ms: sorted[0], medianMs: sorted[Math.floor(sorted.length / 2)] }
}

await measureOurs()
const ours = []
const theirs = []
let relativeError = 0
for (let round = 0; round < rounds; ++round) {
  const { ms, rel_err } = JSON.parse(succeed(program, [String(nodes), '1']))
  theirs.push(ms)
  relativeError = rel_err
  ours.push(await measureOurs())
}
const [entrain, libmvec] = [summary(ours), summary(theirs)]
const ratio = (key) => Number((libmvec[key] / entrain[key]).toFixed(2))
console.log(
  JSON.stringify(
    {
      nodes,
      rounds,
      threads: 1,
      entrain: { ...entrain, pairsPerSecond: (nodes * nodes * 1e3) / entrain.ms },
      libmvec: { ...libmvec, pairsPerSecond: (nodes * nodes * 1e3) / libmvec.ms, relativeError },
      ratioPerCore: ratio('ms'),
      ratioOfMedians: ratio('medianMs'),
    },
    null,
    2,
  ),
)

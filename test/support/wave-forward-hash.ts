// Prints a hash of the wave field for each of its ways, for comparisons between processes.
import { createHash } from 'node:crypto'
import { type WaveFieldOptions, waveField } from '../../lib/index.js'
import { randomWaves, waveTensors } from './wave-system.js'

type Way = Pick<WaveFieldOptions, 'method' | 'precision' | 'distances'> & {
  nodes: number
  samples: number
  receivers?: number
}

// Several blocks of rows and pieces of partners or sources; several passes over the times.
const ways: readonly Way[] = [
  { nodes: 1500, samples: 1 },
  { nodes: 300, samples: 11 },
  { nodes: 1200, samples: 1, distances: 'float16' },
  { nodes: 2500, samples: 1, receivers: 40 },
  { nodes: 2500, samples: 6, receivers: 19 },
  { nodes: 500, samples: 400, method: 'propagator' },
  { nodes: 500, samples: 40, receivers: 19, method: 'propagator' },
  { nodes: 500, samples: 40, method: 'propagator', precision: 'bfloat16' },
]

for (const { nodes, samples, receivers, ...flags } of ways) {
  const rounded = flags.precision !== undefined || flags.distances !== undefined
  for (const dtype of rounded ? (['float32'] as const) : (['float64', 'float32'] as const)) {
    const field = waveField({
      ...waveTensors(randomWaves(nodes), { device: 'cpu', dtype }),
      times: Float64Array.from({ length: samples }, (_, m) => 1.7 + 0.37 * m),
      targets: receivers ? Array.from({ length: receivers }, (_, s) => (s * 61) % nodes) : null,
      ...flags,
    })
    console.log(
      createHash('sha256')
        .update(await field.data())
        .digest('hex'),
    )
  }
}

// Lets particles drift along curl noise and draws their paths. The flow has no divergence, so the
// particles neither gather nor part, and the paths are closed loops around hills of the potential.
//
//   node dist/examples/flow-particles.js
//   node dist/examples/flow-particles.js --particles 20000 --steps 300 --device cpu --out runs/flow.png
import { parseArgs } from 'node:util'
import {
  add,
  type DeviceName,
  EntrainError,
  randomUniform,
  SimplexNoise,
  scale,
  scope,
  type Tensor,
  zeros,
} from '../lib/index.js'
import { type Colour, gradientColour, Picture } from './support/picture.js'

const kWorld = 4 // units of noise over the picture
const kStep = 0.004 // of time
const kColours: readonly (readonly [number, Colour])[] = [
  [0, [8, 10, 22]],
  [0.25, [40, 34, 92]],
  [0.5, [160, 56, 116]],
  [0.75, [246, 142, 84]],
  [1, [255, 246, 206]],
]

const { values: options } = parseArgs({
  options: {
    particles: { type: 'string', default: '20000' },
    steps: { type: 'string', default: '300' },
    size: { type: 'string', default: '768' },
    seed: { type: 'string', default: '4' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/flow.png' },
  },
})

/** One step of the midpoint rule along the flow. */
function advance(flow: SimplexNoise, points: Tensor): Tensor {
  const middle = add(points, scale(flow.curl(points, { octaves: 2 }), kStep / 2))
  return add(points, scale(flow.curl(middle, { octaves: 2 }), kStep))
}

/** How often each pixel was visited. */
async function visits(size: number): Promise<Float64Array> {
  const count = new Float64Array(size * size)
  const seed = Number(options.seed)
  const device = options.device as DeviceName | undefined
  using flow = new SimplexNoise({ seed, device })
  let points: Tensor = zeros([Number(options.particles), 2], { device })
  randomUniform(points, { seed, high: kWorld })
  for (let step = 0; step < Number(options.steps); ++step) {
    const before = points
    points = scope(() => advance(flow, before))
    before.dispose()
    const places = await points.data()
    for (let i = 0; i < places.length; i += 2) {
      const x = Math.floor(((places[i] as number) / kWorld) * size)
      const y = Math.floor(((places[i + 1] as number) / kWorld) * size)
      if (x >= 0 && x < size && y >= 0 && y < size) {
        count[y * size + x] = (count[y * size + x] as number) + 1
      }
    }
  }
  points.dispose()
  return count
}

try {
  const size = Number(options.size)
  const count = await visits(size)
  const picture = new Picture(size, size)
  const mean = (Number(options.particles) * Number(options.steps)) / (size * size)
  for (const [pixel, n] of count.entries()) {
    const brightness = 1 - Math.exp(-n / (2 * mean))
    picture.set(pixel % size, Math.floor(pixel / size), gradientColour(kColours, brightness))
  }
  await picture.write(options.out)
  console.log(`${options.particles} particles, ${options.steps} steps: ${options.out}`)
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

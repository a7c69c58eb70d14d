// Draws the small pictures of docs/noise.md: the kinds of fractals, a tile beside itself, and a cloud at
// eight times.
//
//   node dist/examples/noise-gallery.js
//   node dist/examples/noise-gallery.js --side 128 --device cpu --out docs
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  affine,
  type DeviceName,
  EntrainError,
  type FractalOptions,
  PerturbationLayer,
  SimplexNoise,
  scope,
  type Tensor,
} from '../lib/index.js'
import { writeContactSheet } from './support/picture.js'

const kTimes = 8

const { values: options } = parseArgs({
  options: {
    side: { type: 'string', default: '128' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/noise' },
  },
})
const side = Number(options.side)
const device = options.device as DeviceName | undefined

// Where each kind lies, as `affine` brings it to [0, 1].
const kKinds: readonly (readonly [FractalOptions, { factor: number; offset: number }])[] = [
  [
    { kind: 'fbm', octaves: 6 },
    { factor: 0.6, offset: 0.5 },
  ],
  [
    { kind: 'billow', octaves: 6 },
    { factor: 1.4, offset: 0 },
  ],
  [
    { kind: 'ridged', octaves: 6 },
    { factor: 1.2, offset: -0.1 },
  ],
  [
    { kind: 'ping-pong', octaves: 4 },
    { factor: 0.5, offset: 0.5 },
  ],
  [
    { kind: 'turbulence', octaves: 6 },
    { factor: 0.8, offset: 0 },
  ],
  [
    { kind: 'fbm', octaves: 6, warp: 0.7 },
    { factor: 0.6, offset: 0.5 },
  ],
]

/** The numbers of the tensor that `make` makes. */
const numbers = (make: () => Tensor): Promise<ArrayLike<number>> =>
  scope(async () => await make().data())

try {
  using noise = new SimplexNoise({ seed: 1, device })
  const fractals = kKinds.map(([kind, map]) =>
    numbers(() => affine(noise.grid([side, side], { step: 4 / side, ...kind }), map)),
  )
  await writeContactSheet(join(options.out, 'fractals.png'), await Promise.all(fractals), {
    side,
    columns: 3,
  })

  const tile = await numbers(() =>
    affine(noise.tile([side, side], { period: 3, octaves: 4 }), { factor: 0.6, offset: 0.5 }),
  )
  await writeContactSheet(join(options.out, 'tile.png'), [tile, tile, tile, tile], {
    side,
    columns: 2,
  })

  using clouds = new PerturbationLayer({
    scale: side / 2,
    octaves: 4,
    animate: true,
    seed: 2,
    device,
  })
  const times = Array.from({ length: kTimes }, (_, n) =>
    numbers(() => clouds.forward([side, side], { timeOffset: (n * side) / 16 })),
  )
  await writeContactSheet(join(options.out, 'clouds.png'), await Promise.all(times), {
    side,
    columns: 4,
  })
  console.log(`${options.out}: fractals.png, tile.png, clouds.png`)
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

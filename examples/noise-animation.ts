// Draws a cloud that drifts and changes: a three-dimensional field that moves through a fourth
// dimension, time, seen from above as light that it lets through. One PNG for each frame.
//
//   node dist/examples/noise-animation.js
//   node dist/examples/noise-animation.js --frames 48 --size 256 --device cpu --out runs/clouds
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DeviceName, EntrainError, PerturbationLayer, scope } from '../lib/index.js'
import { type Colour, gradientColour, Picture } from './support/picture.js'

const kDepth = 32 // layers of the cloud
const kThreshold = 0.52 // thinner air than this is clear
const kDensity = 0.9 // how much a full layer takes away
const kTimeStep = 2 // grid steps from frame to frame
const kSky: readonly (readonly [number, Colour])[] = [
  [0, [58, 64, 82]],
  [0.3, [150, 156, 168]],
  [0.8, [244, 244, 246]],
  [0.97, [236, 242, 250]],
  [1, [96, 150, 214]],
]

const { values: options } = parseArgs({
  options: {
    frames: { type: 'string', default: '48' },
    size: { type: 'string', default: '256' },
    seed: { type: 'string', default: '3' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/clouds' },
  },
})

/** The light that comes through layers (depth, size, size) of densities. */
function draw(density: Float32Array, size: number): Picture {
  const picture = new Picture(size, size)
  const layer = size * size
  for (let pixel = 0; pixel < layer; ++pixel) {
    let light = 1
    for (let z = 0; z < kDepth; ++z) {
      const thickness = Math.max(0, (density[z * layer + pixel] as number) - kThreshold)
      light *= Math.exp(-kDensity * thickness)
    }
    picture.set(pixel % size, Math.floor(pixel / size), gradientColour(kSky, light))
  }
  return picture
}

try {
  const [size, frames] = [Number(options.size), Number(options.frames)]
  using clouds = new PerturbationLayer({
    scale: size / 3,
    octaves: 5,
    animate: true, // so fields are scaled by fixed bounds and do not flicker
    seed: Number(options.seed),
    device: options.device as DeviceName | undefined,
  })
  for (let frame = 0; frame < frames; ++frame) {
    const density = await scope(
      async () =>
        (await clouds
          .forward([kDepth, size, size], { timeOffset: frame * kTimeStep })
          .data()) as Float32Array,
    )
    const name = `frame-${String(frame).padStart(3, '0')}.png`
    await draw(density, size).write(join(options.out, name))
  }
  console.log(`${options.out}: ${frames} frames`)
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

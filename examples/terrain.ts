// Draws a mountainous island world with hill shading: ridged noise for the mountains where broad noise
// makes land, one tensor operation after the other, and a picture at the end.
//
//   node dist/examples/terrain.js                             2048 × 2048 pixels
//   node dist/examples/terrain.js --size 512 --seed 7 --device cpu --out runs/terrain.png
import { parseArgs } from 'node:util'
import {
  add,
  affine,
  type DeviceName,
  EntrainError,
  fill,
  gate,
  normalize,
  SimplexNoise,
  scope,
  zeros,
} from '../lib/index.js'
import { type Colour, gradientColour, Picture } from './support/picture.js'

const kWorld = 5 // units of noise over the picture
const kRelief = 0.11 // height of the highest mountain, as a share of the picture's width
const kSun = { x: -0.55, y: -0.55, z: 0.63 } // towards the sun, of length 1: north-west, as on maps
const kColours: readonly (readonly [number, Colour])[] = [
  [0, [18, 44, 84]],
  [0.36, [52, 112, 152]],
  [0.4, [122, 176, 178]],
  [0.41, [214, 200, 150]],
  [0.44, [120, 152, 84]],
  [0.6, [72, 110, 62]],
  [0.75, [122, 110, 96]],
  [0.86, [156, 150, 146]],
  [0.92, [244, 246, 250]],
]
const kSea = 0.405

const { values: options } = parseArgs({
  options: {
    size: { type: 'string', default: '2048' },
    seed: { type: 'string', default: '5' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/terrain.png' },
  },
})

/** Heights in [0, 1], row after row. */
async function heights(size: number, seed: number): Promise<Float32Array> {
  return await scope(async () => {
    const device = options.device as DeviceName | undefined
    const step = kWorld / size
    using mountains = new SimplexNoise({ seed, device })
    using land = new SimplexNoise({ seed: seed + 1, device })
    const continents = land.grid([size, size], { step: step / 2, octaves: 7, persistence: 0.45 })
    const ridges = mountains.grid([size, size], {
      step,
      kind: 'ridged',
      octaves: 9,
      persistence: 0.42,
      lacunarity: 1.9,
      warp: 0.15,
    })
    // Mountains where there is land: ridges times a smooth step of the continents.
    const inland = gate({
      value: ridges,
      gate: affine(continents, { factor: 9 }),
      bias: fill(zeros([size], { device }), -0.5),
    })
    const height = normalize(add(affine(continents, { factor: 0.55 }), inland))
    return (await height.data()) as Float32Array
  })
}

function draw(height: Float32Array, size: number): Picture {
  const picture = new Picture(size, size)
  const at = (x: number, y: number): number =>
    Math.max(height[Math.min(y, size - 1) * size + Math.min(x, size - 1)] as number, kSea)
  for (let y = 0; y < size; ++y) {
    for (let x = 0; x < size; ++x) {
      const slopeX = (at(x + 1, y) - at(Math.max(x - 1, 0), y)) * 0.5 * kRelief * size
      const slopeY = (at(x, y + 1) - at(x, Math.max(y - 1, 0))) * 0.5 * kRelief * size
      const towards = kSun.z - kSun.x * slopeX - kSun.y * slopeY
      const light = Math.max(0, towards / Math.hypot(slopeX, slopeY, 1)) / kSun.z
      picture.set(
        x,
        y,
        gradientColour(kColours, height[y * size + x] as number),
        0.25 + 0.75 * light,
      )
    }
  }
  return picture
}

try {
  const size = Number(options.size)
  const began = performance.now()
  const height = await heights(size, Number(options.seed))
  const computed = performance.now()
  await draw(height, size).write(options.out)
  console.log(`heights of ${size} × ${size} points in ${(computed - began).toFixed(0)} ms`)
  console.log(options.out)
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}

// Smooth random fields in any number of dimensions, for those that no lattice noise reaches: octaves of
// white Gaussian noise, each smoothed along every axis.

import { RandomStream } from '../data/philox.js'
import type { Device } from '../device.js'
import { add } from '../operations/add.js'
import { matrixProduct } from '../operations/matrix-product.js'
import { randomNormal } from '../operations/random.js'
import { scope } from '../scope.js'
import { Tensor, tensor } from '../tensor.js'

// Standard deviation of an octave: 99.99 % of its values are in [−1, 1].
const kDeviation = 1 / 4

/** What determines the octaves. @internal */
export interface GaussianOctavesOptions {
  readonly shape: readonly number[]
  readonly scale: number
  readonly octaves: number
  readonly persistence: number
  readonly lacunarity: number
  readonly seed: number
  readonly dtype: 'float32' | 'float64'
  readonly device: Device
}

/**
 * A sum of independent smoothed Gaussian octaves.
 *
 *     Σ_o g^o z_o / Σ_o g^o,   z_o = (W ⊗ … ⊗ W) ε / 4,   W_ij ∝ exp(−(i − j)² / 2σ²),   σ = scale / 4ℓ^o
 *
 * with ε standard normal and the rows of W of length 1, so that every z_o has a mean of 0 and a standard
 * deviation of 1/4 everywhere, and a correlation of e^(−(2ℓ^o d / scale)²) over a distance d away from
 * the border. Not bounded. A pure function of its arguments. @internal
 */
export function gaussianOctaves(options: GaussianOctavesOptions): Tensor {
  const { octaves, persistence } = options
  let weights = 0
  for (let o = 0; o < octaves; ++o) weights += persistence ** o
  return scope(() => {
    let sum: Tensor | null = null
    for (let o = 0; o < octaves; ++o) {
      const octave = smoothedNoise(options, o, (kDeviation * persistence ** o) / weights)
      sum = sum ? add(sum, octave) : octave
    }
    return sum as Tensor
  })
}

function smoothedNoise(options: GaussianOctavesOptions, octave: number, factor: number): Tensor {
  const { shape, seed, dtype, device } = options
  const sigma = options.scale / (4 * options.lacunarity ** octave)
  let field: Tensor = Tensor.empty([...shape], dtype, device)
  randomNormal(field, { seed, stream: RandomStream.gaussianOctaves + octave })
  // The product W Xᵀ smooths the last axis and makes it the first one: after as many products as there
  // are axes, all are smoothed and in their old order.
  for (let axis = shape.length - 1; axis >= 0; --axis) {
    const size = shape[axis] as number
    const weights = tensor(smoothing(size, sigma, axis === 0 ? factor : 1), {
      shape: [size, size],
      dtype,
      device,
    })
    field = matrixProduct({
      left: weights,
      right: field.reshape([-1, size]),
      transposeRight: true,
    })
  }
  return field.reshape([...shape])
}

// Rows of Gaussian weights whose squares sum to factor².
function smoothing(size: number, sigma: number, factor: number): Float64Array {
  const weights = new Float64Array(size * size)
  for (let i = 0; i < size; ++i) {
    const row = weights.subarray(i * size, (i + 1) * size)
    let squares = 0
    for (let j = 0; j < size; ++j) {
      const weight = Math.exp(-(((i - j) / sigma) ** 2) / 2)
      row[j] = weight
      squares += weight * weight
    }
    for (let j = 0; j < size; ++j) row[j] = ((row[j] as number) * factor) / Math.sqrt(squares)
  }
  return weights
}

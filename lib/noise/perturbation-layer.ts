// Smooth random fields as a layer: fractal simplex noise on a grid, scaled to [0, 1], with a cache.
import { assertTensor, expectInteger, expectKind, expectNumber, expectShape } from '../check.js'
import { DisposedError, ShapeError, ValueError } from '../errors.js'
import { add } from '../operations/add.js'
import { affine } from '../operations/affine.js'
import { linear } from '../operations/matrix-product.js'
import { normalize } from '../operations/normalize.js'
import { scaledSum } from '../operations/scaled-sum.js'
import { type Tensor, tensor } from '../tensor.js'
import { FieldCache, type FieldCacheStatistics } from './field-cache.js'
import { gaussianOctaves } from './gaussian-octaves.js'
import { SimplexNoise, type SimplexNoiseOptions } from './simplex-noise.js'

const kDefaultCacheBytes = 2 ** 28
const kMostNoiseAxes = 4

/** How a field is brought to its range. */
export type PerturbationNormalization = 'minmax' | 'fixed'

/** What determines the fields of a layer. */
export interface PerturbationLayerOptions extends SimplexNoiseOptions {
  /** Grid points for one unit of noise, above 0. Default: 10. */
  scale?: number
  /** Default: 4. */
  octaves?: number
  /** Factor from the amplitude of an octave to that of the next. Default: 0.5. */
  persistence?: number
  /** Factor from the frequency of an octave to that of the next. Default: 2. */
  lacunarity?: number
  /**
   * `minmax` maps the extremes of each field to 0 and 1; `fixed` is (fBm + 1)/2, so that fields of
   * different times can be compared. Default: `fixed` where `animate`, else `minmax`.
   */
  normalize?: PerturbationNormalization
  /** Whether time is one more dimension of 2D and 3D fields. 4D fields always move. Default: false. */
  animate?: boolean
  /** Most bytes of fields that are kept for the next time. Default: 256 MiB. */
  cacheBytes?: number
}

/** When. */
export interface PerturbationTime {
  /** Time in grid steps, divided by `scale` like a coordinate. Default: 0. */
  timeOffset?: number
}

/**
 * A layer that makes smooth random fields of any shape, and adds them to tensors.
 *
 *     field = N(Σ_o g^o n(ℓ^o x) / Σ_o g^o),   x = index / scale
 *
 * with n simplex noise of as many dimensions as the shape has (2 to 4) and N the normalisation. In 4D the
 * time is added to the last coordinate before it is scaled; in 2D and 3D, with `animate`, it is one more
 * coordinate. Shapes of more than four axes get independent smoothed Gaussian octaves in the place of n,
 * of standard deviation 1/4 and without time.
 *
 * Fields are kept on the device, in least recently used order and within `cacheBytes`: asking again for
 * one costs no kernel. They share the cache's memory, so they must not be overwritten. Deterministic:
 * equal options give equal bits on a device whatever the cache holds.
 */
export class PerturbationLayer implements Disposable {
  readonly scale: number
  readonly octaves: number
  readonly persistence: number
  readonly lacunarity: number
  readonly normalization: PerturbationNormalization
  readonly animate: boolean
  readonly noise: SimplexNoise
  readonly #cache: FieldCache
  #disposed = false

  /** @throws ValueError, ShapeError, DtypeError for options out of their range. */
  constructor(options: PerturbationLayerOptions = {}) {
    const { scale = 10, octaves = 4, persistence = 0.5, lacunarity = 2, animate = false } = options
    const { normalize: normalization = animate ? 'fixed' : 'minmax' } = options
    const { cacheBytes = kDefaultCacheBytes } = options
    this.scale = expectNumber('PerturbationLayer', 'scale', scale)
    if (scale <= 0) throw new ValueError(`PerturbationLayer: scale must be above 0, got ${scale}`)
    this.octaves = expectInteger('PerturbationLayer', 'octaves', octaves)
    this.persistence = expectNumber('PerturbationLayer', 'persistence', persistence, { low: 0 })
    this.lacunarity = expectNumber('PerturbationLayer', 'lacunarity', lacunarity)
    if (lacunarity <= 0) {
      throw new ValueError(`PerturbationLayer: lacunarity must be above 0, got ${lacunarity}`)
    }
    if (normalization !== 'minmax' && normalization !== 'fixed') {
      throw new ValueError(
        `PerturbationLayer: normalize must be minmax or fixed, got ${String(normalization)}`,
      )
    }
    this.normalization = normalization
    this.animate = animate
    this.#cache = new FieldCache('PerturbationLayer', cacheBytes)
    this.noise = new SimplexNoise(options)
  }

  /** How the cache has served. */
  get statistics(): FieldCacheStatistics {
    return this.#cache.statistics
  }

  /**
   * The field of a shape.
   *
   * @param shape two sizes or more, each at least 1.
   * @returns a tensor of that shape in the layer's dtype, in [0, 1] for `minmax` (all zeros if the field
   * is constant), around 1/2 and nearly always in [0, 1] for `fixed`. It is the caller's to dispose.
   * @throws ShapeError for another shape; ValueError for a time where the field has none.
   */
  forward(shape: readonly number[], { timeOffset = 0 }: PerturbationTime = {}): Tensor {
    this.#assertAlive()
    if (!Array.isArray(shape) || shape.length < 2) {
      throw new ShapeError(
        `PerturbationLayer: shape must be of at least 2 sizes, got [${String(shape)}]`,
      )
    }
    for (const size of shape) expectInteger('PerturbationLayer', 'size of shape', size)
    this.#expectTime(shape.length, timeOffset)
    return this.#cache.field(`${shape.join(' ')} at ${timeOffset}`, () =>
      this.#normalized(this.#raw(shape, timeOffset)),
    )
  }

  /**
   * The field at any coordinates, differentiable with respect to them.
   *
   * @param points (M, dim) in grid steps, dim 2 to 4, in the layer's dtype.
   * @returns (M): what `forward` has at whole numbers; with `minmax` the extremes are those of the M
   * points. Not kept in the cache.
   */
  sample(points: Tensor, { timeOffset = 0 }: PerturbationTime = {}): Tensor {
    this.#assertAlive()
    assertTensor('PerturbationLayer', 'points', points)
    const [, dim = 0] = expectShape('PerturbationLayer', 'points', points, { M: -1, dim: -1 })
    expectKind('PerturbationLayer', 'points', points, this.noise)
    if (dim < 2 || dim > kMostNoiseAxes) {
      throw new ShapeError(`PerturbationLayer: points must be of 2 to 4 coordinates, got ${dim}`)
    }
    this.#expectTime(dim, timeOffset)
    const time = timeOffset / this.scale
    const axes = dim + (this.#hasTimeAxis(dim) ? 1 : 0)
    const { dtype, device } = points
    // x = W p + b with W = 1/scale on the diagonal: appends the time and keeps the gradient.
    const weight = new Float64Array(axes * dim)
    for (let axis = 0; axis < dim; ++axis) weight[axis * dim + axis] = 1 / this.scale
    const bias = Float64Array.from({ length: axes }, (_, axis) =>
      axis === kMostNoiseAxes - 1 || axis === dim ? time : 0,
    )
    const coordinates = linear({
      input: points,
      weight: tensor(weight, { shape: [axes, dim], dtype, device }),
      bias: tensor(bias, { dtype, device }),
    })
    return this.#normalized(this.noise.sample(coordinates, this.#fractal()))
  }

  /**
   * A tensor plus a multiple of the field of its shape.
   *
   *     y = x + s · field
   *
   * @param input two axes or more, in the layer's dtype and on its device.
   * @param options.strength s: a number, or a tensor of shape [1] that is learned. Default: 1.
   * @returns the input's shape and dtype. Gradients go to the input and to a learned strength.
   */
  perturb(
    input: Tensor,
    { strength = 1, timeOffset = 0 }: PerturbationTime & { strength?: number | Tensor } = {},
  ): Tensor {
    this.#assertAlive()
    expectKind('PerturbationLayer', 'input', input, this.noise)
    if (typeof strength !== 'number') {
      expectKind('PerturbationLayer', 'strength', strength, this.noise)
      expectShape('PerturbationLayer', 'strength', strength, { one: 1 })
      const value = this.forward(input.shape, { timeOffset })
      return scaledSum({ value, weight: strength, index: 0, base: input })
    }
    expectNumber('PerturbationLayer', 'strength', strength)
    const field = this.forward(input.shape, { timeOffset })
    return add(input, strength === 1 ? field : affine(field, { factor: strength }))
  }

  /** Gives the kept fields back. Fields that were handed out stay. Calling it twice is harmless. */
  dispose(): void {
    this.#disposed = true
    this.#cache.dispose()
    this.noise.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #hasTimeAxis(dim: number): boolean {
    return this.animate && dim < kMostNoiseAxes
  }

  #expectTime(dim: number, timeOffset: number): void {
    expectNumber('PerturbationLayer', 'timeOffset', timeOffset)
    if (timeOffset === 0 || dim === kMostNoiseAxes || this.#hasTimeAxis(dim)) return
    throw new ValueError(
      `PerturbationLayer: timeOffset must be 0 ${dim > kMostNoiseAxes ? 'beyond 4 axes' : 'without animate'}, got ${timeOffset}`,
    )
  }

  #fractal() {
    const { octaves, persistence, lacunarity } = this
    return { octaves, persistence, lacunarity }
  }

  #raw(shape: readonly number[], timeOffset: number): Tensor {
    const { scale, noise } = this
    if (shape.length > kMostNoiseAxes) {
      const { dtype, device, seed } = noise
      return gaussianOctaves({ ...this.#fractal(), shape, scale, seed, dtype, device })
    }
    const time = timeOffset / scale
    const axes = this.#hasTimeAxis(shape.length) ? [...shape, 1] : [...shape]
    const origin = axes.map((_, axis) =>
      axis === kMostNoiseAxes - 1 || axis === shape.length ? time : 0,
    )
    const step = axes.map(() => 1 / scale)
    const field = noise.grid(axes, { origin, step, ...this.#fractal() })
    return axes.length === shape.length ? field : field.reshape([...shape])
  }

  #normalized(field: Tensor): Tensor {
    return this.normalization === 'minmax'
      ? normalize(field)
      : affine(field, { factor: 0.5, offset: 0.5 })
  }

  #assertAlive(): void {
    if (this.#disposed) {
      throw new DisposedError('PerturbationLayer: layer must be alive, got a disposed one')
    }
  }
}

// Numbers that sum up series of order parameters. Variances divide by the number of values.
import { expectInteger } from '../check.js'
import { ShapeError } from '../errors.js'
import { Tensor } from '../tensor.js'

/**
 * How much R changes in time: its variance.
 *
 *     (1/T) Σ_t (R_t − R̄)²
 *
 * @param R (T), on the host or a device.
 * @throws ShapeError where there is nothing.
 * Source: Shanahan 2010, doi:10.1063/1.3305451.
 */
export function metastability(R: Tensor): Promise<number>
export function metastability(R: ArrayLike<number>): number
export function metastability(R: Tensor | ArrayLike<number>): number | Promise<number> {
  if (R instanceof Tensor) return R.data().then((values) => metastability(values))
  return variance(expectValues('metastability', R), { first: 0, stride: 1, count: R.length })
}

/**
 * The mean over modules of the variance of R over time.
 *
 * @param R (T, modules), on the host or a device: the last size of a tensor, else `modules`, tells how
 * many there are.
 * @throws ShapeError where there is nothing, or no whole number of rows.
 * Source: Shanahan 2010, doi:10.1063/1.3305451.
 */
export function moduleMetastability(R: Tensor): Promise<number>
export function moduleMetastability(R: ArrayLike<number>, modules: number): number
export function moduleMetastability(
  R: Tensor | ArrayLike<number>,
  modules = 1,
): number | Promise<number> {
  const name = 'moduleMetastability'
  if (R instanceof Tensor) {
    const count = lastSize(name, R)
    return R.data().then((values) => moduleMetastability(values, count))
  }
  const times = rowsOf(name, R, modules)
  let sum = 0
  for (let m = 0; m < modules; ++m) sum += variance(R, { first: m, stride: modules, count: times })
  return sum / modules
}

/**
 * The mean over time of the variance of R over modules: large where some are coherent while others are
 * not.
 *
 * @param R (T, modules), as for `moduleMetastability`.
 * @throws ShapeError where there is nothing, or no whole number of rows.
 * Source: Shanahan 2010, doi:10.1063/1.3305451.
 */
export function chimeraIndex(R: Tensor): Promise<number>
export function chimeraIndex(R: ArrayLike<number>, modules: number): number
export function chimeraIndex(R: Tensor | ArrayLike<number>, modules = 1): number | Promise<number> {
  const name = 'chimeraIndex'
  if (R instanceof Tensor) {
    const count = lastSize(name, R)
    return R.data().then((values) => chimeraIndex(values, count))
  }
  const times = rowsOf(name, R, modules)
  let sum = 0
  for (let t = 0; t < times; ++t) {
    sum += variance(R, { first: t * modules, stride: 1, count: modules })
  }
  return sum / times
}

// In two passes: R barely changes near full coherence.
function variance(
  values: ArrayLike<number>,
  { first, stride, count }: { first: number; stride: number; count: number },
): number {
  let mean = 0
  for (let i = 0; i < count; ++i) mean += values[first + i * stride] as number
  mean /= count
  let squares = 0
  for (let i = 0; i < count; ++i) squares += ((values[first + i * stride] as number) - mean) ** 2
  return squares / count
}

function expectValues(name: string, R: ArrayLike<number>): ArrayLike<number> {
  if (typeof R === 'object' && R?.length >= 1) return R
  throw new ShapeError(`${name}: R must be of at least 1 number, got ${R?.length ?? typeof R}`)
}

function rowsOf(name: string, R: ArrayLike<number>, modules: number): number {
  expectValues(name, R)
  expectInteger(name, 'modules', modules)
  if (R.length % modules === 0) return R.length / modules
  throw new ShapeError(`${name}: R must be of rows of ${modules} modules, got ${R.length} numbers`)
}

function lastSize(name: string, R: Tensor): number {
  const count = R.shape.at(-1)
  if (R.shape.length >= 2 && count) return count
  throw new ShapeError(`${name}: R must be of shape (T, modules), got [${R.shape}]`)
}

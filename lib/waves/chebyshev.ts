// Band-limited functions of time from few samples: Chebyshev points of a window and the matrix that
// interpolates from them. For |s| <= 1, e^(ias) = J_0(a) + 2 Σ i^n J_n(a) T_n(s); interpolation at the P
// roots of T_P keeps every T_n below P and takes another for each above, so that
//   |e^(ias) − interpolant| <= 4 Σ_{n>=P} |J_n(a)|,
// which grows with a while P >= a. Source: Trefethen 2013, "Approximation Theory and Approximation
// Practice", chapters 4 and 8; barycentric formula: Berrut & Trefethen 2004, doi:10.1137/S0036144502417715.

/** Where to sample, and how to come from there to the times that were asked for. @internal */
export interface ChebyshevPlan {
  /** The sample times (P), ascending. */
  readonly points: Float64Array
  /** (M, P): row m holds the weights of time m. */
  readonly matrix: Float64Array
  /** 4 Σ_{n>=P} |J_n(a)|. */
  readonly bound: number
}

/** A window of time as every digit of it is kept. @internal */
export interface TimeWindow {
  readonly centre: number
  readonly halfLength: number
}

/** The least window that holds all times. @internal */
export function windowOf(times: ArrayLike<number>): TimeWindow {
  let first = Infinity
  let last = -Infinity
  for (let m = 0; m < times.length; ++m) {
    first = Math.min(first, times[m] as number)
    last = Math.max(last, times[m] as number)
  }
  const centre = first + (last - first) / 2
  return { centre, halfLength: Math.max(last - centre, centre - first) }
}

/** |J_0(a)| to |J_count(a)| by Miller's downward recurrence; a >= 0. @internal */
export function besselMagnitudes(a: number, count: number): Float64Array {
  const values = new Float64Array(count + 1)
  if (a < 1e-8) {
    values[0] = 1
    if (count > 0) values[1] = a / 2
    return values
  }
  // Beyond a, J_n falls faster than exponentially over a^(1/3) orders.
  const start = 2 * Math.ceil((Math.max(a, count) + 30 + 12 * Math.cbrt(a)) / 2)
  let above = 0
  let here = 1e-290
  let norm = 0
  for (let n = start; n >= 0; --n) {
    if (n <= count) values[n] = here
    if (n % 2 === 0) norm += n === 0 ? here : 2 * here
    const below = ((2 * n) / a) * here - above
    above = here
    here = below
    if (Math.abs(here) > 1e250) {
      const shrink = 1e-250
      above *= shrink
      here *= shrink
      norm *= shrink
      for (let k = n; k <= count; ++k) values[k] = (values[k] as number) * shrink
    }
  }
  // J_0 + 2 J_2 + 2 J_4 + … = 1.
  return values.map((value) => Math.abs(value / norm))
}

/**
 * The least number of samples P >= a whose bound 4 Σ_{n>=P} |J_n(a)| is at most `error`, or null where that
 * is above `most`. @internal
 */
export function sampleCount(
  a: number,
  error: number,
  most: number,
): { count: number; bound: number } | null {
  if (!(a < most)) return null
  const reach = Math.ceil(a + 30 + 12 * Math.cbrt(a))
  const magnitudes = besselMagnitudes(a, reach)
  const least = Math.max(1, Math.ceil(a))
  let found: { count: number; bound: number } | null = null
  let bound = 0
  for (let n = reach; n >= least; --n) {
    bound += 4 * (magnitudes[n] as number)
    if (bound > error) break
    found = { count: n, bound }
  }
  return found && found.count <= most ? found : null
}

/**
 * Samples and weights for all times of a window, or null where the window is so short that its Chebyshev
 * points are not apart in float64.
 *
 * @param options.count P. @internal
 */
export function chebyshevPlan(
  times: ArrayLike<number>,
  { centre, halfLength }: TimeWindow,
  { count, bound }: { count: number; bound: number },
): ChebyshevPlan | null {
  const unit = halfLength > 0 ? halfLength : 1
  // The smallest distance between points is about 5 / P², near the ends.
  const rounding = (Math.abs(centre) + unit) * 2 ** -52
  if (count > 1 && rounding / unit > 1e-2 / count ** 2) return null
  const points = new Float64Array(count)
  const places = new Float64Array(count)
  for (let p = 0; p < count; ++p) {
    const ideal = -Math.cos((Math.PI * (2 * p + 1)) / (2 * count))
    points[p] = centre + unit * (count === 1 ? 0 : ideal)
    // Where the rounded time stands: the interpolation is exact at the points that were computed.
    places[p] = ((points[p] as number) - centre) / unit
  }
  const weights = barycentricWeights(places)
  const matrix = new Float64Array(times.length * count)
  for (let m = 0; m < times.length; ++m) {
    const row = matrix.subarray(m * count, (m + 1) * count)
    interpolationRow(row, ((times[m] as number) - centre) / unit, { places, weights })
  }
  return { points, matrix, bound }
}

// 1 / Π_{q≠p} 2 (s_p − s_q), where 2 is 1 over the capacity of [−1, 1]: the products stay near P.
function barycentricWeights(places: Float64Array): Float64Array {
  const weights = new Float64Array(places.length)
  for (let p = 0; p < places.length; ++p) {
    let product = 1
    let exponent = 0
    for (let q = 0; q < places.length; ++q) {
      if (q === p) continue
      product *= 2 * ((places[p] as number) - (places[q] as number))
      if (Math.abs(product) < 1e-100) {
        product *= 1e100
        exponent -= 100
      } else if (Math.abs(product) > 1e100) {
        product *= 1e-100
        exponent += 100
      }
    }
    weights[p] = 10 ** -exponent / product
  }
  return weights
}

function interpolationRow(
  row: Float64Array,
  place: number,
  { places, weights }: { places: Float64Array; weights: Float64Array },
): void {
  let sum = 0
  for (let p = 0; p < places.length; ++p) {
    const distance = place - (places[p] as number)
    if (distance === 0) {
      row.fill(0)
      row[p] = 1
      return
    }
    row[p] = (weights[p] as number) / distance
    sum += row[p] as number
  }
  for (let p = 0; p < places.length; ++p) row[p] = (row[p] as number) / sum
}

// The wave field from its definition, in float64 on the host, with ω t reduced exactly.

/** A system as plain numbers. */
export interface WaveNumbers {
  readonly positions: ArrayLike<number>
  readonly amplitudes: ArrayLike<number>
  readonly frequencies: ArrayLike<number>
  readonly phases: ArrayLike<number>
  readonly wavenumber?: number
  readonly softening?: number
}

// 2π − the nearest float64.
const kTurnRest = 2.4492935982947064e-16

/** ω t − 2π n in about [−π, π], with both products held to twice float64. */
export function reducedPhase(frequency: number, time: number): number {
  const product = frequency * time
  const turns = Math.round(product / (2 * Math.PI))
  const whole = turns * (2 * Math.PI)
  const rest = productError(frequency, time, product) - productError(turns, 2 * Math.PI, whole)
  return product - whole + (rest - turns * kTurnRest)
}

// What a product of two numbers lost, by Dekker's split.
function productError(a: number, b: number, product: number): number {
  const split = (x: number): readonly [number, number] => {
    const high = x * 134217729 - (x * 134217729 - x)
    return [high, x - high]
  }
  const [ah, al] = split(a)
  const [bh, bl] = split(b)
  return ah * bh - product + ah * bl + al * bh + al * bl
}

/** F (M, 2, S) by the double loop. */
export function waveReference(
  system: WaveNumbers,
  times: readonly number[],
  targets?: ArrayLike<number>,
): Float64Array {
  const { positions, amplitudes, frequencies, phases, wavenumber = 3, softening = 0.05 } = system
  const nodes = amplitudes.length
  const receivers = targets ? targets.length : nodes
  const field = new Float64Array(times.length * 2 * receivers)
  const at = (axis: number, i: number): number => positions[axis * nodes + i] as number
  for (const [m, time] of times.entries()) {
    const turned = Float64Array.from({ length: nodes }, (_, j) =>
      reducedPhase(frequencies[j] as number, time),
    )
    for (let s = 0; s < receivers; ++s) {
      const i = targets ? (targets[s] as number) : s
      let sum = 0
      for (let j = 0; j < nodes; ++j) {
        const [x, y, z] = [at(0, i) - at(0, j), at(1, i) - at(1, j), at(2, i) - at(2, j)]
        const d = Math.sqrt(x * x + y * y + z * z) + softening
        sum += ((amplitudes[j] as number) * Math.sin((turned[j] as number) - wavenumber * d)) / d
      }
      field[2 * m * receivers + s] = sum * Math.cos(phases[i] as number)
      field[(2 * m + 1) * receivers + s] = sum * Math.sin(phases[i] as number)
    }
  }
  return field
}

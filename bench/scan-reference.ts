// The eigenstate scan and its adjoint in float64, one step after another.
//
//     c(t) = λ(t) c(t−1) + β(t),   h(t) = g(t) + conj(λ(t+1)) h(t+1),   ∂L/∂λ(t) = h(t) conj(c(t−1))
import type { Outputs } from './harness.js'

export interface ScanSizes {
  readonly batch: number
  readonly time: number
  readonly channels: number
}

export interface ScanProblem {
  readonly sizes: ScanSizes
  /** (batch, time, 2 channels), as are selection and gradient. */
  readonly input: Float64Array
  readonly selection: Float64Array | null
  /** ∂L/∂states; null: forward only. */
  readonly gradient: Float64Array | null
  readonly logDecay: Float64Array
  readonly frequency: Float64Array
  readonly scale: number
}

/** Eigenvalues of one row: magnitude and both parts. */
class Eigenvalues {
  readonly magnitude: Float64Array
  readonly real: Float64Array
  readonly imaginary: Float64Array
  readonly #problem: ScanProblem

  constructor(problem: ScanProblem) {
    const { channels } = problem.sizes
    this.#problem = problem
    this.magnitude = new Float64Array(channels)
    this.real = new Float64Array(channels)
    this.imaginary = new Float64Array(channels)
    if (!problem.selection) this.#set(0)
  }

  /** Moves to the row that starts at `row`; nothing to do where λ is fixed. */
  moveTo(row: number): void {
    if (this.#problem.selection) this.#set(row)
  }

  #set(row: number): void {
    const { selection, logDecay, frequency, scale, sizes } = this.#problem
    const K = sizes.channels
    for (let k = 0; k < K; ++k) {
      const a = selection ? scale * Math.tanh(selection[row + k] ?? 0) : 0
      const w = selection ? scale * Math.tanh(selection[row + K + k] ?? 0) : 0
      const magnitude = 1 / (1 + Math.exp(-((logDecay[k] ?? 0) + a)))
      const angle = (frequency[k] ?? 0) + w
      this.magnitude[k] = magnitude
      this.real[k] = magnitude * Math.cos(angle)
      this.imaginary[k] = magnitude * Math.sin(angle)
    }
  }
}

/** States, and with an upstream gradient every gradient. */
export function scanReference(problem: ScanProblem): Outputs {
  const states = forward(problem)
  return problem.gradient ? { states, ...backward(problem, problem.gradient, states) } : { states }
}

function forward(problem: ScanProblem): Float64Array {
  const { input } = problem
  const { batch, time, channels: K } = problem.sizes
  const eigenvalues = new Eigenvalues(problem)
  const { real, imaginary } = eigenvalues
  const states = new Float64Array(input.length)
  for (let b = 0; b < batch; ++b) {
    for (let t = 0; t < time; ++t) {
      const row = (b * time + t) * 2 * K
      const before = row - 2 * K
      eigenvalues.moveTo(row)
      for (let k = 0; k < K; ++k) {
        const x = t > 0 ? (states[before + k] ?? 0) : 0
        const y = t > 0 ? (states[before + K + k] ?? 0) : 0
        const u = real[k] ?? 0
        const v = imaginary[k] ?? 0
        states[row + k] = u * x - v * y + (input[row + k] ?? 0)
        states[row + K + k] = u * y + v * x + (input[row + K + k] ?? 0)
      }
    }
  }
  return states
}

function backward(problem: ScanProblem, gradient: Float64Array, states: Float64Array): Outputs {
  const { selection, scale } = problem
  const { batch, time, channels: K } = problem.sizes
  const gradInput = new Float64Array(states.length)
  const gradSelection = selection && new Float64Array(states.length)
  const gradLogDecay = new Float64Array(K)
  const gradFrequency = new Float64Array(K)
  const eigenvalues = new Eigenvalues(problem)
  const { magnitude, real, imaginary } = eigenvalues
  const adjoint = new Float64Array(2 * K)
  for (let b = 0; b < batch; ++b) {
    // What arrives from the step after: conj(λ(t+1)) h(t+1).
    adjoint.fill(0)
    for (let t = time - 1; t >= 0; --t) {
      const row = (b * time + t) * 2 * K
      const before = row - 2 * K
      eigenvalues.moveTo(row)
      for (let k = 0; k < K; ++k) {
        const x = (gradient[row + k] ?? 0) + (adjoint[k] ?? 0)
        const y = (gradient[row + K + k] ?? 0) + (adjoint[K + k] ?? 0)
        gradInput[row + k] = x
        gradInput[row + K + k] = y
        const u = real[k] ?? 0
        const v = imaginary[k] ?? 0
        adjoint[k] = u * x + v * y
        adjoint[K + k] = u * y - v * x
        const stateX = t > 0 ? (states[before + k] ?? 0) : 0
        const stateY = t > 0 ? (states[before + K + k] ?? 0) : 0
        // conj(λ) ∂L/∂λ: its real part over |λ| times |λ| (1 − |λ|), its imaginary part as it is.
        const lambdaX = x * stateX + y * stateY
        const lambdaY = y * stateX - x * stateY
        const gradA = (u * lambdaX + v * lambdaY) * (1 - (magnitude[k] ?? 0))
        const gradW = u * lambdaY - v * lambdaX
        gradLogDecay[k] = (gradLogDecay[k] ?? 0) + gradA
        gradFrequency[k] = (gradFrequency[k] ?? 0) + gradW
        if (!selection || !gradSelection) continue
        gradSelection[row + k] = scale * (1 - Math.tanh(selection[row + k] ?? 0) ** 2) * gradA
        gradSelection[row + K + k] =
          scale * (1 - Math.tanh(selection[row + K + k] ?? 0) ** 2) * gradW
      }
    }
  }
  const fixed = { gradInput, gradLogDecay, gradFrequency }
  return gradSelection ? { ...fixed, gradSelection } : fixed
}

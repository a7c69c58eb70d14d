// What all operations on oscillators with real states take: who pulls whom and how, and the systems.
import type { Graph } from '../graph/graph.js'
import type { Tensor } from '../tensor.js'

/** What the coupling is divided by: max(N − 1, 1), Σ_{j≠i} |A_ij| p_j, or 1. */
export type OscillatorNormalisation = 'count' | 'degree' | 'none'
/** Whom a drive concerns: (N) every batch element; (B, N); (steps, N), row n held through step n. */
export type OscillatorDriveKind = 'node' | 'batch' | 'step'

/** How oscillators pull each other: P_i = Σ_{j≠i} A_ij p_j f_j, times s_i K / Z_i. */
export interface OscillatorCoupling {
  /** Who pulls whom. */
  graph: Graph
  /** ω, rad per unit of time: (N) or (B, N). */
  naturalFrequencies: Tensor
  /** K: a number, or a tensor of one element or (B). */
  coupling: Tensor | number
  /** A (N, N), learned, instead of that of a dense graph. */
  adjacency?: Tensor | null
  /** Weights (E), learned, instead of those of a sparse graph. */
  weight?: Tensor | null
  /** p (N), not negative: the weight of each source. Default: 1. */
  precision?: Tensor | null
  /** s (N): ±1 or any factor, without gradient. Default: 1. */
  sign?: Tensor | null
  /** Default: `count`. */
  normalisation?: OscillatorNormalisation
}

/** The coupling of phases by sin(θ_j − θ_i − α). */
export interface PhaseCoupling extends OscillatorCoupling {
  /** α, rad: a number or a tensor of one element. Default: 0. */
  frustration?: Tensor | number | null
  /** u, rad per unit of time. Default: none. */
  drive?: Tensor | null
  /** Needed with `drive`; `step` only where steps are of fixed length. */
  driveKind?: OscillatorDriveKind
}

/** dθ/dt = ω + u + (s K / Z) Σ A p sin(θ_j − θ_i − α); the state is θ (B, N). */
export interface PhaseSystem extends PhaseCoupling {
  system: 'phase'
}

/** m d²θ/dt² + γ dθ/dt = the right-hand side of phases; the state is θ, then dθ/dt: (B, 2N). */
export interface SwingSystem extends PhaseCoupling {
  system: 'swing'
  /** m, above 0: a number, or a tensor of one element, (N) or (B, N). */
  inertia: Tensor | number
  /** γ, likewise. */
  damping: Tensor | number
}

/** dz/dt = (ρ + iω − |z|²) z + (s K / Z) Σ A p (z_j − z_i); the state is x, then y: (B, 2N). */
export interface StuartLandauSystem extends OscillatorCoupling {
  system: 'stuart-landau'
  /** ρ: a number, or a tensor of one element, (N) or (B, N). */
  growth: Tensor | number
}

/** dZ/dt = (iω̄ − Δ + K/2) Z − (K/2) |Z|² Z; the state is Z: (B, 2). */
export interface OttAntonsenSystem {
  system: 'ott-antonsen'
  /** ω̄, the mean of the natural frequencies: a tensor of one element or (B). */
  frequency: Tensor
  /** Δ, half their width: a number, or a tensor of one element or (B). */
  width: Tensor | number
  /** K: likewise. */
  coupling: Tensor | number
}

/** A system of oscillators. */
export type OscillatorSystem = PhaseSystem | SwingSystem | StuartLandauSystem | OttAntonsenSystem

// Valid calls of the operations of the Möbius sphere.
import { float64, type Row, real, tokens } from './operation-rows.js'

/** Valid calls by operation. */
export const sphereRows: Readonly<Record<string, Row>> = {
  mobiusStructure: {
    call: () => ({
      windings: real(1, [0, 160]),
      torsion: real(1, [0, 4]),
      structure: float64(4, [1, 3]),
      clamped: tokens(1, 100),
      leastWindings: 3.8,
      mostWindings: 150,
      leastTorsion: 0,
      mostTorsion: 3,
    }),
  },
  mobiusLattice: {
    call: (scale) => ({
      positions: real(3 * 7 * scale),
      structure: float64(4, [1, 3]),
      nodes: 7 * scale,
      radius: 1.5,
      lazyWindings: 0,
      lazyTorsion: 0.1,
    }),
  },
  sphereAction: {
    call: (scale) => ({
      action: real(3 * scale),
      amplitudes: real(7 * scale),
      actions: 3 * scale,
      nodes: 7 * scale,
      gain: 0.5,
      least: -1,
      most: 1,
    }),
  },
  sphereScatter: {
    call: (scale) => ({
      // One receiver: several of the same node would race.
      values: real(2),
      targets: tokens(1, 7 * scale),
      field: real(2 * 7 * scale),
      receivers: 1,
      nodes: 7 * scale,
    }),
  },
  sphereVortices: {
    call: (scale) => ({
      field: real(2 * 70 * scale),
      vortices: tokens(1, 100),
      reward: real(1),
      nodes: 70 * scale,
      stride: 1,
      threshold: 0.5,
    }),
  },
  sphereState: {
    call: (scale) => ({
      field: real(2 * 70 * scale),
      state: real(2 * 8),
      nodes: 70 * scale,
      count: 8,
      even: true,
    }),
  },
}

// Valid calls of the wave operations.
import { float64, type Given, type Row, real, tokens } from './operation-rows.js'

const [samples, planes] = [2, 2]

/** Sizes of a call: more receivers than nodes, so that some stand twice. */
const waveSizes = (scale: number) => ({ nodes: 5 * scale, receivers: 7 * scale, samples })

/** What the field's forward and backward read. */
export function waveFieldInputs(scale: number): Record<string, Given> {
  const { nodes, receivers } = waveSizes(scale)
  return {
    positions: real(3 * nodes),
    amplitudes: real(nodes, [0.5, 5]),
    frequencies: real(nodes, [0.5, 2.5]),
    phases: real(nodes, [0, 6]),
    wavenumber: real(1, [3, 3]),
    softening: real(1, [0.0625, 0.0625]),
    times: float64(samples, [0, 100]),
    targets: tokens(receivers, nodes),
    ...waveSizes(scale),
  }
}

/** The length of the field. */
export const waveFieldLength = (scale: number): number =>
  samples * planes * waveSizes(scale).receivers

const sourceSizes = (scale: number) => ({ nodes: 5 * scale, samples })

function sources(scale: number): Record<string, Given> {
  const { nodes } = sourceSizes(scale)
  return {
    amplitudes: real(nodes, [0.5, 5]),
    frequencies: real(nodes, [0.5, 2.5]),
    times: float64(samples, [0, 100]),
  }
}

function receivers(scale: number): Record<string, Given> {
  const sizes = waveSizes(scale)
  return {
    potential: real(samples * planes * sizes.nodes),
    phases: real(sizes.nodes, [0, 6]),
    targets: tokens(sizes.receivers, sizes.nodes),
    ...sizes,
  }
}

/** Valid calls by operation. */
export const waveRows: Readonly<Record<string, Row>> = {
  waveFieldForward: {
    call: (scale) => ({
      ...waveFieldInputs(scale),
      field: real(waveFieldLength(scale)),
      propagator: false,
      bfloat16Factors: false,
      float16Distances: false,
    }),
  },
  waveReceiveForward: {
    call: (scale) => ({ ...receivers(scale), field: real(waveFieldLength(scale)) }),
  },
  waveReceiveBackward: {
    call: (scale) => ({
      ...receivers(scale),
      gradField: real(waveFieldLength(scale)),
      gradPotential: real(samples * planes * waveSizes(scale).nodes),
      gradPhases: real(waveSizes(scale).nodes),
    }),
  },
  waveSourcesForward: {
    call: (scale) => ({
      ...sources(scale),
      sources: real(samples * planes * sourceSizes(scale).nodes),
      ...sourceSizes(scale),
    }),
  },
  waveSourcesBackward: {
    call: (scale) => ({
      gradSources: real(samples * planes * sourceSizes(scale).nodes),
      ...sources(scale),
      gradAmplitudes: real(sourceSizes(scale).nodes),
      gradFrequencies: real(sourceSizes(scale).nodes),
      ...sourceSizes(scale),
    }),
  },
}

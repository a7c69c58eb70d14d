// Valid calls of the wave operations.
import { float64, type Given, given, type Row, real, tokens } from './operation-rows.js'

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

function fieldBackward(scale: number): Record<string, Given> {
  const { nodes } = waveSizes(scale)
  return {
    ...waveFieldInputs(scale),
    gradField: real(waveFieldLength(scale)),
    gradPositions: real(3 * nodes),
    gradAmplitudes: real(nodes),
    gradFrequencies: real(nodes),
    gradPhases: real(nodes),
    gradWavenumber: real(1),
    gradSoftening: real(1),
    field: real(waveFieldLength(scale)),
  }
}

// Two rods of nodes far apart, under a root that meets nobody: they meet by three proxies each.
function tree(scale: number): Record<string, Given> {
  const half = 3 * scale
  const nodes = 2 * half
  const place = (i: number) => (i % half) / half + (i < half ? 0 : 4)
  const positions = Float64Array.from({ length: 3 * nodes }, (_, i) => (i < nodes ? place(i) : 0))
  const axes = [1, 0, 0, 0, 1, 0, 0, 0, 1]
  const proxyX = [-1, 0, 1].map((a) => 0.5 * Math.cos((Math.PI * (2 * a + 3)) / 6))
  const proxies = [2.5, ...proxyX.map((x) => 0.5 + x), ...proxyX.map((x) => 4.5 + x)]
  return {
    positions: given('real', positions),
    sources: real(samples * planes * nodes),
    nodeOrder: given(
      'int32',
      Int32Array.from({ length: nodes }, (_, i) => i),
    ),
    frames: given(
      'real',
      [2.5, 0.5, 4.5].flatMap((x, i) => [x, 0, 0, ...axes, i === 0 ? 0.4 : 2, 0, 0]),
    ),
    orders: given('int32', [1, 1, 1, 3, 1, 1, 3, 1, 1]),
    nodeStart: given('int32', [0, nodes, 0, half, half, nodes]),
    firstChild: given('int32', [1, -1, -1]),
    levelStart: given('int32', [0, 1, 3]),
    proxyStart: given('int32', [0, 1, 4, 7]),
    proxies: given('real', [...proxies, ...new Array<number>(2 * proxies.length).fill(0)]),
    farStart: given('int32', [0, 0, 1, 2]),
    far: given('int32', [2, 1]),
    nearStart: given('int32', [0, 0, 1, 2]),
    near: given('int32', [1, 2]),
    potential: real(samples * planes * nodes),
    nodes,
    samples,
    clusters: 3,
    levels: 2,
    proxyCount: 7,
    farCount: 2,
    nearCount: 2,
    wavenumber: 3,
    softening: 0.05,
  }
}

/** Valid calls by operation. */
export const waveRows: Readonly<Record<string, Row>> = {
  waveTreeSum: { call: tree },
  waveFieldForward: {
    call: (scale) => ({
      ...waveFieldInputs(scale),
      field: real(waveFieldLength(scale)),
      propagator: false,
      bfloat16Factors: false,
      float16Distances: false,
    }),
  },
  waveFieldBackward: { call: (scale) => fieldBackward(Math.min(scale, 300)) },
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

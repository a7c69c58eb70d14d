// Valid calls of the wave functions for the boundary test.
import * as lib from '../../lib/index.js'
import type { PublicRow } from './public-table.js'

const perNode = {
  amplitudes: { shape: [4] },
  frequencies: { shape: [4] },
  phases: { shape: [4] },
} as const

const system = {
  positions: { shape: [3, 4] },
  ...perNode,
  targets: { shape: [2], dtype: 'int32', optional: true, anySize: true },
} as const

/** Rows by function. */
export const wavePublicRows: readonly PublicRow[] = [
  {
    name: 'waveField',
    tensors: system,
    numbers: { times: 1, wavenumber: 3, softening: 0.05 },
    call: lib.waveField,
  },
  {
    name: 'waveFieldWithGradients',
    tensors: { ...system, gradField: { shape: [1, 2, 2] } },
    numbers: { times: 1, wavenumber: 3, softening: 0.05 },
    call: lib.waveFieldWithGradients,
  },
  {
    name: 'waveSources',
    tensors: { amplitudes: perNode.amplitudes, frequencies: perNode.frequencies },
    numbers: { times: 1 },
    call: lib.waveSources,
  },
  {
    name: 'waveReceive',
    tensors: { potential: { shape: [2, 2, 4] }, phases: perNode.phases, targets: system.targets },
    call: lib.waveReceive,
  },
]

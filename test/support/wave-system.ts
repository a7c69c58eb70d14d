// Systems of waves for tests: numbers that float32 holds exactly, and tensors of them.
import { type DeviceName, type Tensor, tensor, type WaveSystem } from '../../lib/index.js'
import { generator } from './compare.js'

/** A system on the host. */
export interface HostWaves {
  readonly positions: Float64Array
  readonly amplitudes: Float64Array
  readonly frequencies: Float64Array
  readonly phases: Float64Array
  readonly wavenumber: number
  readonly softening: number
}

/** Dtypes of waves. */
export type WaveDtype = 'float64' | 'float32'

/** N nodes at random places of the unit sphere. */
export function randomWaves(nodes: number, seed = 1): HostWaves {
  const { normals, uniforms } = generator(seed + nodes)
  const positions = normals(3 * nodes)
  for (let i = 0; i < nodes; ++i) {
    const [x = 0, y = 0, z = 0] = [0, 1, 2].map((axis) => positions[axis * nodes + i])
    const length = Math.hypot(x, y, z) || 1
    for (const [axis, value] of [x, y, z].entries()) {
      positions[axis * nodes + i] = Math.fround(value / length)
    }
  }
  return {
    positions,
    amplitudes: uniforms(nodes).map((u) => Math.fround(0.5 + 4.5 * u)),
    frequencies: normals(nodes).map((n) => Math.fround(1.5 + 0.3 * n)),
    phases: uniforms(nodes).map((u) => Math.fround(2 * Math.PI * u)),
    wavenumber: 3,
    softening: Math.fround(0.05),
  }
}

/** The same system on a device. */
export function waveTensors(
  waves: HostWaves,
  {
    device,
    dtype,
    requiresGrad = false,
  }: { device: DeviceName; dtype: WaveDtype; requiresGrad?: boolean },
): WaveSystem & Record<keyof HostWaves, Tensor> {
  const nodes = waves.amplitudes.length
  const on = { device, dtype, requiresGrad }
  const of = (data: ArrayLike<number>, shape = [data.length]): Tensor =>
    tensor(data, { ...on, shape })
  return {
    positions: of(waves.positions, [3, nodes]),
    amplitudes: of(waves.amplitudes),
    frequencies: of(waves.frequencies),
    phases: of(waves.phases),
    wavenumber: of([waves.wavenumber]),
    softening: of([waves.softening]),
  }
}

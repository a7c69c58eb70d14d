// Runs a golden case on a device in a dtype and compares outputs and gradients.
import { type DeviceName, type FloatDtype, scope, type Tensor, tensor } from '../../lib/index.js'
import { assertClose } from './compare.js'
import { type GoldenCase, withPrefix } from './golden.js'

/** Relative errors that are allowed, by storage type: of outputs, and of gradients. */
export const tolerances: Readonly<Record<FloatDtype, { output: number; gradient: number }>> = {
  float64: { output: 1e-12, gradient: 1e-12 },
  float32: { output: 1e-5, gradient: 1e-4 },
  bfloat16: { output: 2e-2, gradient: 2e-2 },
  float16: { output: 4e-3, gradient: 4e-3 },
}

/** How a case is computed. */
export interface GoldenRun {
  readonly device: DeviceName
  readonly dtype: FloatDtype
  /** Inputs that stay in float32 (float64) whatever the storage type. */
  readonly wide?: (name: string) => boolean
  /** The outputs by their golden names, from the inputs by theirs. */
  readonly compute: (inputs: ReadonlyMap<string, Tensor>) => Readonly<Record<string, Tensor>>
  /** Default: those of the dtype. */
  readonly allowed?: { readonly output: number; readonly gradient: number }
}

/** Makes the case's inputs as tensors; floating ones require gradients. */
export function goldenInputs(
  golden: GoldenCase,
  run: Pick<GoldenRun, 'device' | 'dtype' | 'wide'>,
): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>()
  for (const [name, { data, shape }] of withPrefix(golden, 'in')) {
    const wide = run.dtype === 'float64' ? 'float64' : 'float32'
    const floating = run.wide?.(name) ? wide : run.dtype
    const dtype =
      data instanceof Int32Array ? 'int32' : data instanceof Uint8Array ? 'uint8' : floating
    const requiresGrad = data instanceof Float64Array
    inputs.set(name, tensor(data, { shape, dtype, device: run.device, requiresGrad }))
  }
  return inputs
}

/** Runs a case; throws where an output or gradient is off. */
export async function runGolden(golden: GoldenCase, run: GoldenRun): Promise<void> {
  await using _ = scope()
  const inputs = goldenInputs(golden, run)
  const outputs = run.compute(inputs)
  const { output: forOutput, gradient: forGradient } = run.allowed ?? tolerances[run.dtype]
  const label = `${golden.name} in ${run.dtype} on ${run.device}`
  for (const [name, want] of withPrefix(golden, 'out')) {
    const got = outputs[name]
    if (!got) throw new Error(`${label}: no output ${name}`)
    assertClose(await got.data(), want.data, forOutput, `${label}: ${name}`)
  }
  for (const [name, { data }] of withPrefix(golden, 'cot')) {
    const output = outputs[name] as Tensor
    if (output.length === 0) continue
    const { shape, dtype, device } = output
    output.backward(tensor(data, { shape, dtype, device }))
  }
  for (const [name, want] of withPrefix(golden, 'grad')) {
    const gradient = inputs.get(name)?.grad
    const got = gradient ? await gradient.data() : new Float64Array(want.data.length)
    assertClose(got, want.data, forGradient, `${label}: gradient of ${name}`)
  }
}

// Central differences in float64 against the gradients of the tape.
import { type DeviceName, scope, type Tensor, tensor } from '../../lib/index.js'
import { assertClose, generator } from './compare.js'

/** A floating input of the function under test. */
export interface CheckedInput {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/**
 * Checks L = Σ ⟨cotangent, output⟩ over all outputs of `compute` in float64: every gradient must agree
 * with central differences within `tolerance`. `sample` bounds how many elements of each input are
 * perturbed (the first ones of a seeded shuffle).
 */
export async function checkGradients(
  device: DeviceName,
  inputs: Readonly<Record<string, CheckedInput>>,
  compute: (inputs: Readonly<Record<string, Tensor>>) => readonly Tensor[],
  { tolerance = 1e-7, step = 1e-5, sample = 24, seed = 5 } = {},
): Promise<void> {
  const cotangents: Float64Array[] = []
  const loss = async (values: Readonly<Record<string, CheckedInput>>): Promise<number> => {
    await using _ = scope()
    const outputs = compute(make(device, values, false))
    let total = 0
    for (const [i, output] of outputs.entries()) {
      const data = await output.data()
      cotangents[i] ??= generator(seed + i).normals(data.length)
      for (let j = 0; j < data.length; ++j)
        total += (data[j] as number) * (cotangents[i]?.[j] as number)
    }
    return total
  }
  await loss(inputs)
  await using _ = scope()
  const leaves = make(device, inputs, true)
  const outputs = compute(leaves)
  for (const [i, output] of outputs.entries()) {
    if (output.length > 0) {
      output.backward(
        tensor(cotangents[i] as Float64Array, { shape: output.shape, dtype: 'float64', device }),
      )
    }
  }
  for (const [name, input] of Object.entries(inputs)) {
    const gradient = leaves[name]?.grad
    if (!gradient) throw new Error(`${name} has no gradient`)
    const got = await gradient.data()
    const chosen = pick(input.data.length, sample, seed)
    const numeric: number[] = []
    for (const element of chosen) {
      const at = async (offset: number): Promise<number> => {
        const moved = input.data.slice()
        moved[element] = (moved[element] as number) + offset
        return await loss({ ...inputs, [name]: { shape: input.shape, data: moved } })
      }
      numeric.push(((await at(step)) - (await at(-step))) / (2 * step))
    }
    assertClose(
      chosen.map((i) => got[i] as number),
      numeric,
      tolerance,
      `gradient of ${name}`,
    )
  }
}

function make(
  device: DeviceName,
  inputs: Readonly<Record<string, CheckedInput>>,
  requiresGrad: boolean,
) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      tensor(data, { shape, dtype: 'float64', device, requiresGrad }),
    ]),
  )
}

function pick(length: number, count: number, seed: number): number[] {
  const { uniform } = generator(seed)
  const order = Array.from({ length }, (_, i) => i)
  for (let i = 0; i < Math.min(count, length); ++i) {
    const j = i + Math.floor(uniform() * (length - i))
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order.slice(0, count)
}

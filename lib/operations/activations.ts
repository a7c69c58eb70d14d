// Elementwise nonlinearities. What their gradients need is the output, so the input may go.
import { expectFloat } from '../check.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

type Call<Names extends string> = (tensors: Readonly<Record<Names, Tensor>>) => void

interface Activation {
  readonly forward: Call<'input' | 'output'>
  readonly backward: Call<'gradOutput' | 'output' | 'gradInput'>
}

const activation = (name: 'relu' | 'tanh' | 'sigmoid'): Activation => ({
  forward: operation(`${name}Forward`, ['input', 'output'] as const),
  backward: operation(`${name}Backward`, ['gradOutput', 'output', 'gradInput'] as const),
})
const rectifier = activation('relu')
const hyperbolicTangent = activation('tanh')
const logistic = activation('sigmoid')

/**
 * The rectified linear unit, elementwise.
 *
 *     y = max(x, 0)
 *
 * @param input any shape, float64, float32, bfloat16 or float16.
 * @returns the same shape and dtype; NaN stays NaN. The slope at 0 is 0.
 * @throws DtypeError, DisposedError. Deterministic.
 */
export function relu(input: Tensor): Tensor {
  return activate('relu', rectifier, input)
}

/**
 * The hyperbolic tangent, elementwise.
 *
 *     y = tanh x,   ∂y/∂x = 1 − y²
 *
 * @param input any shape, float64, float32, bfloat16 or float16.
 * @returns the same shape and dtype.
 * @throws DtypeError, DisposedError. Deterministic.
 */
export function tanh(input: Tensor): Tensor {
  return activate('tanh', hyperbolicTangent, input)
}

/**
 * The logistic function, elementwise.
 *
 *     y = 1 / (1 + e^−x),   ∂y/∂x = y (1 − y)
 *
 * @param input any shape, float64, float32, bfloat16 or float16.
 * @returns the same shape and dtype.
 * @throws DtypeError, DisposedError. Deterministic.
 */
export function sigmoid(input: Tensor): Tensor {
  return activate('sigmoid', logistic, input)
}

function activate(name: string, { forward, backward }: Activation, input: Tensor): Tensor {
  expectFloat(name, 'input', input)
  const output = Tensor.like(input)
  forward({ input, output })
  return record({ input }, { output }, ({ output: gradOutput }) => ({
    input: gradOutput && activateBackward(gradOutput, output, backward),
  })).output
}

function activateBackward(
  gradOutput: Tensor,
  output: Tensor,
  backward: Activation['backward'],
): Tensor {
  const gradInput = Tensor.like(output)
  backward({ gradOutput, output, gradInput })
  return gradInput
}

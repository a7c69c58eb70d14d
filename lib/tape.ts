// The tape: which operation made which tensor, and how gradients flow back through it. The nodes are
// the hand-written operations, so what is fused in a kernel is one node here.
import { currentContext } from './context.js'
import { DeviceError, DtypeError, ShapeError, ValueError } from './errors.js'
import { addInPlace } from './operations/add.js'
import { collect, onesLike, type Tensor } from './tensor.js'

type Named<Value> = Readonly<Record<string, Value>>

/** One recorded operation. @internal */
export class Node {
  static #count = 0
  readonly id = ++Node.#count
  readonly inputs: Named<Tensor | null>
  readonly outputs: Named<Tensor | null>
  readonly backward: (gradients: Named<Tensor | null>) => Named<Tensor | null>

  constructor(
    inputs: Named<Tensor | null>,
    outputs: Named<Tensor | null>,
    backward: Node['backward'],
  ) {
    this.inputs = inputs
    this.outputs = outputs
    this.backward = backward
  }
}

/** Whether a gradient can flow to this tensor. @internal */
export function differentiable(tensor: Tensor | null | undefined): boolean {
  return tensor != null && (tensor.requiresGrad || tensor.node !== null)
}

/** Whether `record` would record, so that a forward can skip what only its backward needs. @internal */
export function recording(inputs: Named<Tensor | null>): boolean {
  if (!currentContext().recording) return false
  for (const name in inputs) if (differentiable(inputs[name])) return true
  return false
}

/**
 * Records an operation. `backward` gets the gradients of the outputs (null where none arrived) and must
 * return exactly one entry for each input: its gradient, or null where there is none. @internal
 */
export function record<Inputs extends Named<Tensor | null>, Outputs extends Named<Tensor | null>>(
  inputs: Inputs,
  outputs: Outputs,
  backward: (gradients: { readonly [Name in keyof Outputs]: Tensor | null }) => {
    readonly [Name in keyof Inputs]: Tensor | null
  },
): Outputs {
  if (!recording(inputs)) return outputs
  const node = new Node(inputs, outputs, backward as Node['backward'])
  for (const name in outputs) {
    const output = outputs[name]
    if (output) output.node = node
  }
  return outputs
}

/** @internal */
export function backward(root: Tensor, gradient?: Tensor): void {
  if (!differentiable(root)) {
    throw new ValueError(
      'backward: tensor must come from operations on tensors that require gradients, got one that does not',
    )
  }
  if (!gradient && root.length !== 1) {
    throw new ShapeError(
      `backward: gradient must be given unless the tensor has 1 element, got shape [${root.shape}]`,
    )
  }
  if (gradient && gradient.length !== root.length) {
    throw new ShapeError(
      `backward: gradient must be of shape [${root.shape}], got [${gradient.shape}]`,
    )
  }
  if (gradient && gradient.dtype !== root.dtype) {
    throw new DtypeError(`backward: gradient must be ${root.dtype}, got ${gradient.dtype}`)
  }
  gradient?.assertAlive('backward', 'gradient')
  if (gradient && gradient.device !== root.device) {
    throw new DeviceError(
      `backward: gradient must be on ${root.device}, got one on ${gradient.device}`,
    )
  }
  const gradients = new Map<Tensor, Tensor>()
  // Leaves keep their gradients beyond any scope: they belong to the leaf until the optimizer takes them.
  const { made: outside } = collect(() => {
    gradients.set(root, gradient ? gradient.alias(gradient.shape) : onesLike(root))
    if (!root.node) return
    for (const node of nodesBehind(root.node)) propagate(node, gradients)
  })
  const kept = new Set<Tensor>()
  for (const [tensor, accumulated] of gradients) {
    if (tensor.requiresGrad && !tensor.node) {
      leave(tensor, accumulated, kept)
    }
  }
  for (const temporary of outside) if (!kept.has(temporary)) temporary.dispose()
}

// Nodes in the order of their gradients: each after all that use its outputs.
function nodesBehind(last: Node): Node[] {
  const found = new Set<Node>([last])
  const pending = [last]
  for (let node = pending.pop(); node; node = pending.pop()) {
    for (const name in node.inputs) {
      const before = node.inputs[name]?.node
      if (before && !found.has(before)) {
        found.add(before)
        pending.push(before)
      }
    }
  }
  return [...found].sort((a, b) => b.id - a.id)
}

function propagate(node: Node, gradients: Map<Tensor, Tensor>): void {
  const outputs: Record<string, Tensor | null> = {}
  let arrived = false
  for (const name in node.outputs) {
    const output = node.outputs[name]
    const gradient = (output && gradients.get(output)) ?? null
    outputs[name] = gradient
    arrived ||= gradient !== null
  }
  if (!arrived) return
  const { result, made } = collect(() => node.backward(outputs))
  for (const name in node.inputs) {
    const input = node.inputs[name] as Tensor | null
    const gradient = result[name]
    if (!input || !gradient || !differentiable(input)) continue
    accumulate(gradients, input, gradient)
  }
  for (const temporary of made) temporary.dispose()
  for (const name in node.outputs) {
    const output = node.outputs[name]
    const gradient = output && gradients.get(output)
    if (output && gradient && !(output.requiresGrad && !output.node)) {
      gradients.delete(output)
      gradient.dispose()
    }
  }
}

function accumulate(gradients: Map<Tensor, Tensor>, input: Tensor, gradient: Tensor): void {
  const before = gradients.get(input)
  // A reference of its own: one tensor may be the gradient of several inputs.
  gradients.set(input, before ? addInPlace(before, gradient) : gradient.alias(gradient.shape))
}

function leave(leaf: Tensor, gradient: Tensor, kept: Set<Tensor>): void {
  if (leaf.grad && !leaf.grad.disposed) {
    const sum = collect(() => addInPlace(leaf.grad as Tensor, gradient)).result
    if (sum !== leaf.grad) leaf.grad.dispose()
    leaf.grad = sum
  } else {
    kept.add(gradient)
    leaf.grad = gradient
  }
}

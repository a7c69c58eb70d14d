import { expectShape } from '../check.js'
import { computeDtype } from '../dtype.js'
import { ShapeError } from '../errors.js'
import { operation } from '../native.js'
import { record } from '../tape.js'
import { Tensor } from '../tensor.js'

const forward = operation('softmaxCrossEntropyForward', [
  'logits',
  'targets',
  'loss',
  'logSumExp',
  'rows',
  'vocabulary',
] as const)
const backward = operation('softmaxCrossEntropyBackward', [
  'logits',
  'targets',
  'logSumExp',
  'gradLoss',
  'gradLogits',
  'rows',
  'vocabulary',
] as const)

/** Arguments of `softmaxCrossEntropy`. */
export interface SoftmaxCrossEntropyOptions {
  /** (rows, vocabulary) */
  logits: Tensor
  /** int32 (rows), each in [0, vocabulary); anything else fails the next read with `ERR_VALUE`. */
  targets: Tensor
}

/**
 * Mean cross-entropy of targets under the softmax of logits, without storing probabilities.
 *
 *     L = (1/rows) Σ_r log Σ_v e^(x_rv) − x_r,target(r)
 *
 * @returns one element, float32 (float64 for float64 logits), in nats.
 * @throws ShapeError, DtypeError, DeviceError, DisposedError. Deterministic.
 */
export function softmaxCrossEntropy({ logits, targets }: SoftmaxCrossEntropyOptions): Tensor {
  const name = 'softmaxCrossEntropy'
  const [rows = 0, vocabulary = 0] = expectShape(name, 'logits', logits, {
    rows: -1,
    vocabulary: -1,
  })
  expectShape(name, 'targets', targets, { rows })
  if (rows < 1 || vocabulary < 1) {
    throw new ShapeError(`${name}: logits must be of at least 1 element, got [${logits.shape}]`)
  }
  const compute = computeDtype(logits.dtype)
  const loss = Tensor.empty([], compute, logits.device)
  const logSumExp = Tensor.empty([rows], compute, logits.device)
  forward({ logits, targets, loss, logSumExp, rows, vocabulary })
  return record({ logits }, { loss }, ({ loss: gradLoss }) => ({
    logits: gradLoss && softmaxCrossEntropyBackward(gradLoss, { logits, targets, logSumExp }),
  })).loss
}

function softmaxCrossEntropyBackward(
  gradLoss: Tensor,
  { logits, targets, logSumExp }: { logits: Tensor; targets: Tensor; logSumExp: Tensor },
): Tensor {
  const [rows = 0, vocabulary = 0] = logits.shape
  const gradLogits = Tensor.like(logits)
  backward({ logits, targets, logSumExp, gradLoss, gradLogits, rows, vocabulary })
  return gradLogits
}

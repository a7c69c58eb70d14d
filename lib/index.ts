// The public interface of entrain.
export { noGrad } from './context.js'
export * from './data/safetensors.js'
export * from './data/text.js'
export { Device, type DeviceName, device, machine } from './device.js'
export type { DataOf, Dtype, FloatDtype } from './dtype.js'
export * from './errors.js'
export { type GenerateOptions, generate } from './models/generate.js'
export {
  type ModelState,
  TemporalEigenstateNetwork,
  type TemporalEigenstateNetworkOptions,
} from './models/temporal-eigenstate-network.js'
export type { Machine, MemoryStatistics } from './native.js'
export { decayOfTimeConstant, type Initialisation } from './nn/initialisation.js'
export type { FieldCacheStatistics } from './noise/field-cache.js'
export type { FractalOptions } from './noise/fractal.js'
export { permutationTable, referenceTable } from './noise/permutation.js'
export {
  PerturbationLayer,
  type PerturbationLayerOptions,
  type PerturbationNormalization,
  type PerturbationTime,
} from './noise/perturbation-layer.js'
export {
  type GridOptions,
  type NoiseGradient,
  SimplexNoise,
  type SimplexNoiseOptions,
  type SimplexVariant,
} from './noise/simplex-noise.js'
export { add } from './operations/add.js'
export { affine } from './operations/affine.js'
export { type BlockDiagonalOptions, blockDiagonal } from './operations/block-diagonal.js'
export { cast } from './operations/cast.js'
export {
  type CausalConvolutionOptions,
  causalConvolution,
} from './operations/causal-convolution.js'
export { causalHold, causalPool } from './operations/causal-pool.js'
export { type DropoutOptions, dropout, residualDropout } from './operations/dropout.js'
export {
  type EigenstateScanOptions,
  type EigenstateScanResult,
  type EigenvalueParameters,
  eigenstateScan,
  eigenstateStep,
} from './operations/eigenstate-scan.js'
export { type EmbeddingOptions, embedding } from './operations/embedding.js'
export { fill } from './operations/fill.js'
export { type GateOptions, gate } from './operations/gate.js'
export { type LayerNormOptions, layerNorm } from './operations/layer-norm.js'
export {
  type LinearOptions,
  linear,
  type MatrixProductOptions,
  matrixProduct,
} from './operations/matrix-product.js'
export { normalize } from './operations/normalize.js'
export { type RandomOptions, randomNormal, randomUniform } from './operations/random.js'
export { scale } from './operations/scale.js'
export { type ScaledSumOptions, scaledSum } from './operations/scaled-sum.js'
export { silu } from './operations/silu.js'
export {
  type SimplexFieldOptions,
  type SimplexFractal,
  type SimplexGridOptions,
  type SimplexResult,
  simplexCurlGrid,
  simplexCurlSample,
  simplexGrid,
  simplexSample,
} from './operations/simplex.js'
export {
  type SoftmaxCrossEntropyOptions,
  softmaxCrossEntropy,
} from './operations/softmax-cross-entropy.js'
export { timeSlice } from './operations/time-slice.js'
export { Adam, type AdamOptions, AdamW } from './optim/adamw.js'
export { Optimizer, type OptimizerOptions } from './optim/optimizer.js'
export * from './optim/schedule.js'
export { Sgd, type SgdOptions } from './optim/sgd.js'
export { Scope, scope } from './scope.js'
export { Tensor, type TensorOptions, tensor, zeros } from './tensor.js'
export {
  type LoadedCheckpoint,
  loadCheckpoint,
  type SaveOptions,
  saveCheckpoint,
} from './train/checkpoint.js'
export { type MetricsRecord, MetricsWriter } from './train/metrics.js'

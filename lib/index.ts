// The public interface of entrain.
export { noGrad } from './context.js'
export { ControlLoop } from './control/control-loop.js'
export {
  type ControlLoopOptions,
  type ControlMetrics,
  type ControlProgress,
  type ControlRun,
  type ControlRunOptions,
  type ControlSettings,
  type SteerableHead,
  steerableHeads,
} from './control/control-options.js'
export {
  type AgentMemory,
  type AgentPass,
  SphereAgent,
  type SphereAgentOptions,
  type StructureHead,
  structureHeads,
  structureRanges,
} from './control/sphere-agent.js'
export * from './data/safetensors.js'
export * from './data/text.js'
export { Device, type DeviceName, device, machine } from './device.js'
export type { DataOf, Dtype, FloatDtype } from './dtype.js'
export * from './errors.js'
export {
  Graph,
  type GraphKind,
  type GraphTensors,
  type SparseArrays,
  type Topology,
} from './graph/graph.js'
export {
  type EdgeList,
  type EdgeListOptions,
  fromDense,
  fromEdgeList,
  fromGraphology,
  type GraphologyGraph,
  toEdgeList,
} from './graph/imports.js'
export { fromMatrixMarket, toMatrixMarket } from './graph/matrix-market.js'
export type { TransposedRows } from './graph/rows.js'
export {
  allToAll,
  erdosRenyi,
  graphOf,
  lattice,
  modular,
  ring,
  scaleFree,
  smallWorld,
} from './graph/topologies.js'
export { type GenerateOptions, generate } from './models/generate.js'
export {
  type ModelState,
  TemporalEigenstateNetwork,
  type TemporalEigenstateNetworkOptions,
} from './models/temporal-eigenstate-network.js'
export type { Machine, MemoryStatistics } from './native.js'
export { decayOfTimeConstant, type Initialisation } from './nn/initialisation.js'
export { Layer, type LayerOptions, type LayerPlace } from './nn/layer.js'
export { Linear, type LinearLayerOptions } from './nn/linear.js'
export { Lstm, type LstmOptions, type LstmState } from './nn/lstm.js'
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
export { relu, sigmoid, tanh } from './operations/activations.js'
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
export {
  type KuramotoDriveKind,
  type KuramotoMethod,
  type KuramotoNormalisation,
  type KuramotoOptions,
  type KuramotoResult,
  kuramoto,
} from './operations/kuramoto.js'
export { type KuramotoVelocityOptions, kuramotoVelocity } from './operations/kuramoto-velocity.js'
export { type LayerNormOptions, layerNorm } from './operations/layer-norm.js'
export { type LocalOrderOptions, localOrder } from './operations/local-order.js'
export { type LstmLayerOptions, type LstmLayerResult, lstmLayer } from './operations/lstm.js'
export {
  type LinearOptions,
  linear,
  type MatrixProductOptions,
  matrixProduct,
} from './operations/matrix-product.js'
export {
  type MobiusLatticeOptions,
  mobiusLattice,
  mobiusRanges,
} from './operations/mobius-lattice.js'
export { Modules, moduleOrder } from './operations/module-order.js'
export { normalize } from './operations/normalize.js'
export {
  type OrderParameter,
  orderParameter,
  type PhasePrecisionOptions,
  phasePrecision,
} from './operations/order-parameter.js'
export {
  type OscillatorSolution,
  type OscillatorSolveOptions,
  type OscillatorSolveRun,
  oscillatorSolve,
  ToleranceError,
} from './operations/oscillator-solve.js'
export {
  type OscillatorMethod,
  type OscillatorStepsOptions,
  type OscillatorStepsResult,
  type OscillatorStepsRun,
  oscillatorSteps,
} from './operations/oscillator-steps.js'
export type {
  OscillatorCoupling,
  OscillatorDriveKind,
  OscillatorNormalisation,
  OscillatorSystem,
  OttAntonsenSystem,
  PhaseCoupling,
  PhaseSystem,
  StuartLandauSystem,
  SwingSystem,
} from './operations/oscillators.js'
export { type PhaseDriveOptions, phaseDrive } from './operations/phase-drive.js'
export { phaseLocking } from './operations/phase-locking.js'
export {
  type AdvantagesOptions,
  advantages,
  type GaussianActionOptions,
  gaussianAction,
  type PolicyGradientLossOptions,
  policyGradientLoss,
} from './operations/policy-gradient.js'
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
export {
  type WaveFieldGradientOptions,
  type WaveFieldOptions,
  type WaveGradients,
  type WaveParameter,
  type WaveSystem,
  waveField,
  waveFieldWithGradients,
} from './operations/wave-field.js'
export {
  type WaveReceiveOptions,
  type WaveSourcesOptions,
  waveReceive,
  waveSources,
} from './operations/wave-sources.js'
export { Adam, type AdamOptions, AdamW } from './optim/adamw.js'
export { Optimizer, type OptimizerOptions } from './optim/optimizer.js'
export * from './optim/schedule.js'
export { Sgd, type SgdOptions } from './optim/sgd.js'
export {
  type AttractorStability,
  type AttractorStabilityOptions,
  attractorStability,
} from './oscillators/attractor-stability.js'
export type { BankDtype, BankNumbers } from './oscillators/bank-tensors.js'
export { chimeraIndex, metastability, moduleMetastability } from './oscillators/diagnostics.js'
export { drawFrequencies, type FrequencyDistribution } from './oscillators/distribution.js'
export {
  FrequencyBank,
  type FrequencyBankMember,
  type FrequencyBankOptions,
  type FrequencyBankSimulation,
  type FrequencyBankStepOptions,
} from './oscillators/frequency-bank.js'
export { KuramotoBank } from './oscillators/kuramoto-bank.js'
export type {
  ForwardOptions,
  KuramotoBankOptions,
  SimulateOptions,
  Simulation,
  StepOptions,
} from './oscillators/kuramoto-bank-options.js'
export type { KuramotoSystem } from './oscillators/kuramoto-system.js'
export {
  type LyapunovOptions,
  type LyapunovResult,
  lyapunovExponent,
} from './oscillators/lyapunov.js'
export { MeanField, type MeanFieldOptions } from './oscillators/mean-field.js'
export { RealBank, type RealBankOptions } from './oscillators/real-bank.js'
export type {
  RealSimulateOptions,
  RealSimulation,
  RealStepOptions,
} from './oscillators/real-state.js'
export { SensoryCoupling, type SensoryCouplingOptions } from './oscillators/sensory-coupling.js'
export {
  AbortError,
  type Numbers,
  type SimulationProgress,
  type WatchOptions,
} from './oscillators/simulation.js'
export { StuartLandauBank, type StuartLandauBankOptions } from './oscillators/stuart-landau-bank.js'
export { SwingNetwork, type SwingNetworkOptions } from './oscillators/swing-network.js'
export { Scope, scope } from './scope.js'
export { Tensor, type TensorOptions, tensor, zeros } from './tensor.js'
export {
  type LoadedCheckpoint,
  loadCheckpoint,
  type SaveOptions,
  saveCheckpoint,
} from './train/checkpoint.js'
export { type MetricsRecord, MetricsWriter } from './train/metrics.js'
export { MobiusSphere } from './waves/mobius-sphere.js'
export type {
  EvolveOptions,
  MobiusSphereOptions,
  MobiusSphereSettings,
  MobiusWishes,
  SphereCheckpoint,
  SphereReport,
} from './waves/mobius-sphere-options.js'
export {
  solveWaveField,
  type WaveMethod,
  type WaveSolution,
  type WaveSolveOptions,
} from './waves/solve.js'
export { WaveTree, type WaveTreeOptions } from './waves/wave-tree.js'

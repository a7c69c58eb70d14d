// THE list of operations, the only place where one is registered. Its order numbers them.
#pragma once

#include "ops/activations.h"
#include "ops/adamw.h"
#include "ops/arithmetic.h"
#include "ops/block_diagonal.h"
#include "ops/cast.h"
#include "ops/causal_convolution.h"
#include "ops/causal_pool.h"
#include "ops/column_sum.h"
#include "ops/dense_local_order.h"
#include "ops/dropout.h"
#include "ops/eigenstate_scan.h"
#include "ops/embedding.h"
#include "ops/gate.h"
#include "ops/gradient_norm.h"
#include "ops/kuramoto_dense.h"
#include "ops/kuramoto_global.h"
#include "ops/kuramoto_sparse.h"
#include "ops/kuramoto_velocity.h"
#include "ops/layer_norm.h"
#include "ops/local_order.h"
#include "ops/lstm.h"
#include "ops/lyapunov.h"
#include "ops/matrix_product.h"
#include "ops/mobius_sphere.h"
#include "ops/module_order.h"
#include "ops/normalize.h"
#include "ops/operation.h"
#include "ops/order_parameter.h"
#include "ops/oscillator_solve.h"
#include "ops/oscillator_steps.h"
#include "ops/phase_drive.h"
#include "ops/phase_locking.h"
#include "ops/phase_precision.h"
#include "ops/policy_gradient.h"
#include "ops/random.h"
#include "ops/scaled_sum.h"
#include "ops/sgd.h"
#include "ops/silu.h"
#include "ops/simplex.h"
#include "ops/softmax_cross_entropy.h"
#include "ops/time_slice.h"
#include "ops/wave_field.h"
#include "ops/wave_sources.h"
#include "ops/wave_tree.h"

namespace entrain::inline ENTRAIN_ISA {

// clang-format off
using Operations = OperationList<
    AdamW,
    Add, Scale, Fill,
    Advantages,
    Affine,
    BlockDiagonalForward, BlockDiagonalBackward,
    CastToFloat64, CastToFloat32, CastToBfloat16, CastToFloat16,
    CausalConvolutionForward, CausalConvolutionBackward,
    CausalHoldForward, CausalHoldBackward,
    CausalPoolForward, CausalPoolBackward,
    ColumnSum,
    DropoutForward, DropoutBackward,
    DropSelfEdges, DenseLocalOrder,
    EigenstateScanForward, EigenstateScanBackward,
    EmbeddingForward, EmbeddingBackward,
    GateForward, GateBackward,
    GaussianAction,
    GradientNormPart, GradientNorm,
    KuramotoDenseForward, KuramotoDenseBackward,
    KuramotoGlobalForward, KuramotoGlobalBackward,
    KuramotoSparseForward, KuramotoSparseBackward,
    KuramotoVelocityForward, KuramotoVelocityBackward,
    LayerNormForward, LayerNormBackward,
    LocalOrder,
    LstmForward, LstmBackward,
    LyapunovRenormalise,
    MatrixProduct,
    MobiusStructure, MobiusLattice,
    ModuleOrderForward, ModuleOrderBackward,
    NormalizeForward, NormalizeBackward,
    OrderParameterForward, OrderParameterBackward,
    OscillatorSolveForward, OscillatorSolveBackward,
    OscillatorStepsForward, OscillatorStepsBackward,
    PhaseDriveForward, PhaseDriveBackward,
    PhasePrecision,
    PhaseStackForward, PhaseStackBackward,
    PolicyGradientForward, PolicyGradientBackward,
    RandomUniform, RandomNormal,
    ReluForward, ReluBackward,
    ScaledMagnitudeForward, ScaledMagnitudeBackward,
    ScaledSumForward, ScaledSumBackward,
    Sgd,
    SigmoidForward, SigmoidBackward,
    SiluForward, SiluBackward,
    SimplexSample, SimplexSampleBackward, SimplexGrid, SimplexCurlSample, SimplexCurlGrid,
    SoftmaxCrossEntropyForward, SoftmaxCrossEntropyBackward,
    SphereAction, SphereScatter, SphereState, SphereVortices,
    TanhForward, TanhBackward,
    TimeSliceForward, TimeSliceBackward,
    WaveFieldForward, WaveFieldBackward,
    WaveReceiveForward, WaveReceiveBackward,
    WaveSourcesForward, WaveSourcesBackward,
    WaveTreeSum,
    WideMatrixProduct>;
// clang-format on

}  // namespace entrain::inline ENTRAIN_ISA

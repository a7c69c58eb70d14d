// Elementwise; each gradient forms the sine and the cosine again. Floor: a sine and a cosine each.
#include "ops/phase_drive.h"

#include "cpu/elementwise.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

template <class Real>
void run(const PhaseDriveForward<Real>& op, Context& context) {
  elementwise(
      context, op.drive, [](auto phase, auto s, auto c) { return phaseDrive(phase, s, c); },
      op.phases, op.sine, op.cosine);
}

template <class Real>
void run(const PhaseDriveBackward<Real>& op, Context& context) {
  elementwise(
      context, op.gradPhases,
      [](auto grad, auto phase, auto s, auto c) { return gradDrivenPhase(grad, phase, s, c); },
      op.gradDrive, op.phases, op.sine, op.cosine);
  elementwise(
      context, op.gradSine, [](auto grad, auto phase) { return gradDriveSine(grad, phase); },
      op.gradDrive, op.phases);
  elementwise(
      context, op.gradCosine, [](auto grad, auto phase) { return gradDriveCosine(grad, phase); },
      op.gradDrive, op.phases);
}

EXPORT_KERNELS(PhaseDriveForward)
EXPORT_KERNELS(PhaseDriveBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu

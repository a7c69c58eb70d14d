#include "ops/phase_drive.h"

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

struct Drive {
  template <class Real>
  HOST_DEVICE Real operator()(Real phase, Real sine, Real cosine) const {
    return phaseDrive(phase, sine, cosine);
  }
};
struct GradPhase {
  template <class Real>
  HOST_DEVICE Real operator()(Real gradDrive, Real phase, Real sine, Real cosine) const {
    return gradDrivenPhase(gradDrive, phase, sine, cosine);
  }
};
struct GradSine {
  template <class Real>
  HOST_DEVICE Real operator()(Real gradDrive, Real phase) const {
    return gradDriveSine(gradDrive, phase);
  }
};
struct GradCosine {
  template <class Real>
  HOST_DEVICE Real operator()(Real gradDrive, Real phase) const {
    return gradDriveCosine(gradDrive, phase);
  }
};

template <class Real>
void run(const PhaseDriveForward<Real>& op, Context& context) {
  elementwise(context, op.drive, Drive{}, op.phases, op.sine, op.cosine);
}

template <class Real>
void run(const PhaseDriveBackward<Real>& op, Context& context) {
  elementwise(context, op.gradPhases, GradPhase{}, op.gradDrive, op.phases, op.sine, op.cosine);
  elementwise(context, op.gradSine, GradSine{}, op.gradDrive, op.phases);
  elementwise(context, op.gradCosine, GradCosine{}, op.gradDrive, op.phases);
}

EXPORT_KERNELS(PhaseDriveForward)
EXPORT_KERNELS(PhaseDriveBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cuda

// A module of a row is summed by one thread, pieces of its members in lanes and then in double in
// their order; modules and rows are shared out. Floor: a sine and a cosine for each phase.
#include "ops/module_order.h"

#include "cpu/kernel.h"
#include "cpu/reduce.h"
#include "cpu/rows.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kPiece = 8192;  // phases; float32 sums of more would lose digits

// The sines and cosines of the phases of `count` members.
template <class Real>
HOST_DEVICE void circlesOfMembers(const Real* phases, const int32_t* member, int64_t count,
                                  Real* sine, Real* cosine) {
  using Lanes = Vector<Real>;
  Real gathered[Lanes::kLanes] = {};
  for (int64_t begin = 0; begin < count; begin += Lanes::kLanes) {
    const int64_t lanes = count - begin < Lanes::kLanes ? count - begin : Lanes::kLanes;
    for (int64_t j = 0; j < lanes; ++j) gathered[j] = phases[member[begin + j]];
    Lanes s, c;
    sineCosine(load(gathered), s, c);
    storePartial(sine + begin, s, lanes);
    storePartial(cosine + begin, c, lanes);
  }
}

// Σ sin and Σ cos of the phases of `count` members.
template <class Real>
HOST_DEVICE Circle<double> sumOfMembers(const Real* phases, const int32_t* member, int64_t count) {
  constexpr int64_t kStep = LaneSums<Real>::kLanes;
  if (count < kStep) {
    Real sine[kStep], cosine[kStep];
    circlesOfMembers(phases, member, count, sine, cosine);
    Circle<double> sum = {0, 0};
    for (int64_t j = 0; j < count; ++j) {
      sum = {sum.sine + double(sine[j]), sum.cosine + double(cosine[j])};
    }
    return sum;
  }
  LaneSums<Real> sines, cosines;
  for (int64_t begin = 0; begin < count; begin += kStep) {
    Real sine[kStep] = {}, cosine[kStep] = {};
    const int64_t left = count - begin < kStep ? count - begin : kStep;
    circlesOfMembers(phases, member + begin, left, sine, cosine);
    sines.add([&](int lane) { return load(sine + lane); });
    cosines.add([&](int lane) { return load(cosine + lane); });
  }
  return {double(sines.total()), double(cosines.total())};
}

}  // namespace

template <class Real>
void run(const ModuleOrderForward<Real>& op, Context& context) {
  const int64_t grain = kPiece * op.modules / op.oscillators;
  context.forRange(op.rows * op.modules, grain > 0 ? grain : 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task / op.modules, module = task % op.modules;
      const Real* phases = op.phases.data + row * op.oscillators;
      Circle<double> sum = {0, 0};
      for (int64_t k = op.start[module]; k < op.start[module + 1]; k += kPiece) {
        const int64_t left = op.start[module + 1] - k;
        const Circle<double> piece =
            sumOfMembers(phases, op.member.data + k, left < kPiece ? left : kPiece);
        sum = {sum.sine + piece.sine, sum.cosine + piece.cosine};
      }
      op.finish(row, module, sum);
    }
  });
}

template <class Real>
void run(const ModuleOrderBackward<Real>& op, Context& context) {
  using Lanes = Vector<Real>;
  Circle<Real>* spread = context.workspace<Circle<Real>>(op.rows * op.modules);
  context.forRange(op.rows * op.modules, kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) spread[i] = op.gradMean(i);
  });
  forEachRowVector<Real>(
      context, op.rows, op.oscillators, [&](int64_t index, int64_t column, auto access) {
        const Circle<Real>* ofRow = spread + index / op.oscillators * op.modules;
        const int64_t left = op.oscillators - column;
        Real sine[Lanes::kLanes] = {}, cosine[Lanes::kLanes] = {};
        for (int64_t j = 0; j < (left < Lanes::kLanes ? left : Lanes::kLanes); ++j) {
          sine[j] = ofRow[op.module[column + j]].sine;
          cosine[j] = ofRow[op.module[column + j]].cosine;
        }
        const Circle<Lanes> gradMean = {load(sine), load(cosine)};
        const Lanes phase = access.load(op.phases.data + index);
        access.store(op.gradPhases.data + index, gradPhaseOf(gradMean, phase));
      });
}

EXPORT_KERNELS(ModuleOrderForward)
EXPORT_KERNELS(ModuleOrderBackward)

}  // namespace entrain::inline ENTRAIN_ISA::cpu

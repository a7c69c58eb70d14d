// What stays the same through a run of oscillators all to all: where each system's oscillators lie,
// their drifts, rates and s / Z. Systems (rows of the batch, or ragged banks) are cut into blocks
// of kGlobalBlock oscillators; every sum is one of blocks, in their order, whoever worked on them.
// Arrays of the run are padded, so that each system begins on a line of the cache and ends in
// whole vectors; the numbers in between do no harm.
#pragma once

#include <type_traits>
#include <utility>

#include "cpu/kernel.h"
#include "cpu/vector.h"
#include "ops/kuramoto_global.h"
#include "ops/sincos.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

constexpr int64_t kGlobalBlock = 2048;  // at most so many are summed before float64 takes over
constexpr int64_t kGlobalPadding = 16;

// One system.
struct GlobalSystem {
  int64_t count;             // N
  int64_t first, node;       // its first element in (batch, N) and in (N) arrays
  int64_t place, nodePlace;  // and in padded ones
  int64_t ratePlace;         // in those of rates, whose rows may be shared
  int64_t firstBlock, endBlock;
  double timeStep, coupling;
  double share;  // s / Z where it is the same for all
};
struct GlobalBlock {
  int64_t system, begin, end;  // oscillators of the system
};

template <class Real>
struct GlobalPlan {
  const GlobalSystem* systems;
  const GlobalBlock* blocks;
  int64_t systemCount, blockCount;
  int64_t length, nodeLength;   // padded: of all systems, and of one row of the batch
  int64_t elements;             // not padded: of all systems
  const Integer<Real>* drifts;  // padded
  const Real* rates;            // padded: ω + u
  const Real* units;            // padded: s / Z, or null
  const Real* precision;        // padded with zeros, or null
  int shift;                    // of the drifts
  double lag;
  Circle<double> lagCircle;

  HOST_DEVICE const GlobalSystem& systemOf(const GlobalBlock& block) const {
    return systems[block.system];
  }
};

HOST_DEVICE int64_t padded(int64_t count) {
  return (count + kGlobalPadding - 1) / kGlobalPadding * kGlobalPadding;
}

// The sum of a system's blocks.
HOST_DEVICE Circle<double> totalOf(const GlobalSystem& system, const Circle<double>* sums) {
  Circle<double> total = {0, 0};
  for (int64_t i = system.firstBlock; i < system.endBlock; ++i) {
    total = {total.sine + sums[i].sine, total.cosine + sums[i].cosine};
  }
  return total;
}

// Calls body(block, number) for all blocks of `count` systems from `first` on, one after another.
struct InOrder {
  template <class Real, class Body>
  HOST_DEVICE void operator()(const GlobalPlan<Real>& plan, int64_t first, int64_t count,
                              const Body& body) const {
    const int64_t end = plan.systems[first + count - 1].endBlock;
    for (int64_t i = plan.systems[first].firstBlock; i < end; ++i) body(plan.blocks[i], i);
  }
};
// The same on all threads. As long as the oscillators fit into the caches of the cores a task
// takes as many as it can, so that they stay there from step to step.
struct OnAllThreads {
  Context& context;

  template <class Real, class Body>
  void operator()(const GlobalPlan<Real>& plan, int64_t first, int64_t count,
                  const Body& body) const {
    constexpr int64_t kStaying = 64, kGrain = 8;
    const int64_t begin = plan.systems[first].firstBlock;
    const int64_t blocks = plan.systems[first + count - 1].endBlock - begin;
    const int64_t threads = context.threads(), each = (blocks + threads - 1) / threads;
    context.forRange(blocks, each < kStaying ? each : kGrain, [&](int64_t from, int64_t to) {
      for (int64_t i = begin + from; i < begin + to; ++i) body(plan.blocks[i], i);
    });
  }
};

// Whether each system is a task of its own that takes all steps, or all threads share every step.
template <class Real>
bool isTaskEach(const GlobalPlan<Real>& plan, Context& context) {
  return context.threads() == 1 || plan.systemCount >= 4 * context.threads() || plan.blockCount < 3;
}

namespace global {

// Whether the banks follow each other; says which does not.
template <class Operation>
bool checkBankOrder(const Operation& op, Context& context) {
  if (!op.bankStart) return true;
  for (int64_t b = 0; b <= op.batch; ++b) {
    const int64_t start = op.bankStart[b];
    const int64_t least = b == op.batch ? op.oscillators : b == 0 ? 0 : op.bankStart[b - 1];
    const int64_t most = b == 0 ? (op.batch == 0 ? op.oscillators : 0) : op.oscillators;
    if (start >= least && start <= most) continue;
    context.raise(runtime::FaultRule::bankOrder, b, double(start));
    return false;
  }
  return true;
}

template <class Real, class Operation>
void placeSystems(const Operation& op, GlobalPlan<Real>& plan, Context& context) {
  plan.systemCount = checkBankOrder(op, context) ? op.batch : 0;
  auto* const systems = context.workspace<GlobalSystem>(plan.systemCount);
  int64_t place = 0, blockCount = 0;
  for (int64_t b = 0; b < plan.systemCount; ++b) {
    GlobalSystem& system = systems[b];
    const bool isBank = bool(op.bankStart);
    system.first = isBank ? op.bankStart[b] : b * op.oscillators;
    system.count = isBank ? op.bankStart[b + 1] - op.bankStart[b] : op.oscillators;
    system.node = isBank ? system.first : 0;
    system.place = place;
    system.nodePlace = isBank ? place : 0;
    system.timeStep = isBank ? op.timeSteps[b] : op.timeStep;
    system.coupling = double(op.coupling[op.coupling.length == 1 ? 0 : b]);
    system.share = globalShare(op.normalisation, system.count, double(system.count), 1);
    system.firstBlock = blockCount;
    blockCount += (system.count + kGlobalBlock - 1) / kGlobalBlock;
    system.endBlock = blockCount;
    place += padded(system.count);
  }
  auto* const blocks = context.workspace<GlobalBlock>(blockCount);
  for (int64_t b = 0; b < plan.systemCount; ++b) {
    for (int64_t begin = 0; begin < systems[b].count; begin += kGlobalBlock) {
      const int64_t end = begin + kGlobalBlock;
      blocks[systems[b].firstBlock + begin / kGlobalBlock] = {
          b, begin, end < systems[b].count ? end : systems[b].count};
    }
  }
  plan.systems = systems;
  plan.blocks = blocks;
  plan.blockCount = blockCount;
  plan.length = place;
  plan.nodeLength = op.bankStart ? place : padded(op.oscillators);
  plan.elements = op.bankStart ? op.oscillators : op.batch * op.oscillators;
}

// The rates of a block in float64: ω + u as far as u does not change from step to step.
template <class Stored>
class BlockRates {
 public:
  template <class Operation>
  HOST_DEVICE BlockRates(const Operation& op, const GlobalSystem& system, const GlobalBlock& block)
      : count_(block.end - block.begin) {
    const int64_t node = system.node + block.begin, row = system.first + block.begin;
    const bool isShared = op.naturalFrequencies.length == op.oscillators;
    omega_ = op.naturalFrequencies.data + (isShared ? node : row);
    if (op.driveKind == kNodeDrive) drive_ = op.drive.data + node;
    if (op.driveKind == kBatchDrive) drive_ = op.drive.data + row;
  }
  int64_t count() const { return count_; }
  HOST_DEVICE double operator[](int64_t i) const {
    return double(omega_[i]) + (drive_ ? double(drive_[i]) : 0.0);
  }
  // Those from `i` on, zeros behind the last.
  HOST_DEVICE Vector<double> lanes(int64_t i) const {
    const Vector<double> omega = wideLanes(omega_, i);
    return drive_ ? omega + wideLanes(drive_, i) : omega;
  }

 private:
  HOST_DEVICE Vector<double> wideLanes(const Stored* from, int64_t i) const {
    constexpr int kLanes = Vector<double>::kLanes;
    typedef Stored Lanes __attribute__((vector_size(kLanes * sizeof(Stored))));
    Lanes lanes = {};
    if (count_ - i >= kLanes) {
      memcpy(&lanes, from + i, sizeof lanes);
    } else if (i < count_) {
      memcpy(&lanes, from + i, size_t(count_ - i) * sizeof(Stored));
    }
    return __builtin_convertvector(lanes, typename Vector<double>::Native);
  }

  const Stored *omega_, *drive_ = nullptr;
  int64_t count_;
};
template <class Operation>
using RatesOf = BlockRates<std::remove_cv_t<
    std::remove_pointer_t<decltype(std::declval<Operation>().naturalFrequencies.data)>>>;

// The greatest of a block; says which is none.
template <class Real, class Operation>
double greatestRate(const Operation& op, const GlobalPlan<Real>& plan, const GlobalBlock& block,
                    Context& context) {
  using Lanes = Vector<double>;
  const RatesOf<Operation> rates(op, plan.systemOf(block), block);
  Lanes most(0.0), nothing(0.0);
  for (int64_t i = 0; i < rates.count(); i += Lanes::kLanes) {
    const Lanes rate = absolute(rates.lanes(i));
    most = maximum(most, rate);
    nothing += rate - rate;  // NaN of infinity and of NaN
  }
  double greatest = 0;
  for (int lane = 0; lane < Lanes::kLanes; ++lane) greatest = maximum(greatest, most[lane]);
  if (sumLanes(nothing) == 0) return greatest;
  for (int64_t i = 0; i < rates.count(); ++i) {
    if (rates[i] - rates[i] == 0) continue;
    context.raise(runtime::FaultRule::rateRange, plan.systemOf(block).first + block.begin + i,
                  rates[i]);
    break;
  }
  return 0;
}

// Each number rounded to the lower half of an integer twice as wide.
HOST_DEVICE void storeNarrow(int32_t* to, Vector<double> x) {
  typedef int32_t Halves __attribute__((vector_size(kVectorBytes / 2)));
  const Halves halves = __builtin_convertvector(toInteger(x).v, Halves);
  memcpy(to, &halves, sizeof halves);
}
// The drifts of a block, zeros behind them.
template <class Stored>
HOST_DEVICE void driftsOf(const BlockRates<Stored>& rates, double timeStep, int shift,
                          int32_t* to) {
  for (int64_t i = 0; i < padded(rates.count()); i += Vector<double>::kLanes) {
    storeNarrow(to + i, driftUnits(rates.lanes(i), timeStep, shift));
  }
}
template <class Stored>
HOST_DEVICE void driftsOf(const BlockRates<Stored>& rates, double timeStep, int shift,
                          int64_t* to) {
  for (int64_t i = 0; i < padded(rates.count()); ++i) {
    to[i] = i < rates.count() ? driftOf<double>(rates[i], timeStep, shift) : 0;
  }
}

// The greatest step of the free rotation tells the shift of all drifts.
template <class Real, class Operation>
void setRates(const Operation& op, GlobalPlan<Real>& plan, GlobalSystem* systems,
              Context& context) {
  const bool rowsDiffer =
      op.bankStart || op.driveKind == kBatchDrive || op.naturalFrequencies.length != op.oscillators;
  for (int64_t b = 0; b < plan.systemCount; ++b) {
    systems[b].ratePlace = rowsDiffer ? systems[b].place : systems[b].nodePlace;
  }
  const int64_t blocks =
      rowsDiffer || plan.systemCount == 0 ? plan.blockCount : systems[0].endBlock;
  auto* const greatest = context.workspace<double>(blocks);
  context.forRange(blocks, 16, [&](int64_t first, int64_t end) {
    for (int64_t number = first; number < end; ++number) {
      greatest[number] = greatestRate(op, plan, plan.blocks[number], context) *
                         plan.systemOf(plan.blocks[number]).timeStep;
    }
  });
  double most = 0;
  for (int64_t i = 0; i < blocks; ++i) most = maximum(greatest[i], most);
  plan.shift = driftShift<Real>(most, 1);
  const int64_t length = rowsDiffer ? plan.length : plan.nodeLength;
  auto* const drifts = context.workspace<Integer<Real>>(length);
  auto* const kept = op.stages > 1 ? context.workspace<Real>(length) : nullptr;
  context.forRange(blocks, 16, [&](int64_t first, int64_t end) {
    for (int64_t number = first; number < end; ++number) {
      const GlobalBlock& block = plan.blocks[number];
      const GlobalSystem& system = plan.systemOf(block);
      const RatesOf<Operation> rates(op, system, block);
      const int64_t place = system.ratePlace + block.begin;
      driftsOf(rates, system.timeStep, plan.shift, drifts + place);
      for (int64_t i = 0; i < padded(rates.count()) && kept; ++i) {
        kept[place + i] = i < rates.count() ? Real(rates[i]) : Real(0);
      }
    }
  });
  plan.drifts = drifts;
  plan.rates = kept;
}

// s / Z where it differs from oscillator to oscillator, and the precisions with zeros behind them.
template <class Real, class Operation>
void setShares(const Operation& op, GlobalPlan<Real>& plan, Context& context) {
  Real* const precision = op.precision ? context.workspace<Real>(plan.nodeLength) : nullptr;
  const bool differ = op.sign || (op.precision && op.normalisation == kByDegree);
  Real* const units = differ ? context.workspace<Real>(plan.nodeLength) : nullptr;
  plan.precision = precision;
  plan.units = units;
  if (!precision && !units) return;
  const int64_t rows = op.bankStart || plan.systemCount == 0 ? plan.systemCount : 1;
  context.forEach(rows, [&](int64_t b) {
    const GlobalSystem& system = plan.systems[b];
    const Real* const p = op.precision ? op.precision.data + system.node : nullptr;
    const Real* const s = op.sign ? op.sign.data + system.node : nullptr;
    double all = p ? 0 : double(system.count);
    for (int64_t i = 0; p && i < system.count; ++i) all += double(p[i]);
    for (int64_t i = 0; i < padded(system.count); ++i) {
      const bool isInside = i < system.count;
      if (precision) precision[system.nodePlace + i] = isInside ? p[i] : Real(0);
      if (!units) continue;
      const double own = p && isInside ? double(p[i]) : 1;
      const double share = isInside ? globalShare(op.normalisation, system.count, all, own) : 0;
      units[system.nodePlace + i] = Real(s && isInside ? double(s[i]) * share : share);
    }
  });
}

}  // namespace global

template <class Real, class Operation>
GlobalPlan<Real> globalPlan(const Operation& op, Context& context) {
  GlobalPlan<Real> plan = {};
  global::placeSystems(op, plan, context);
  global::setRates(op, plan, const_cast<GlobalSystem*>(plan.systems), context);
  global::setShares(op, plan, context);
  plan.lag = op.frustration ? double(op.frustration[0]) : 0;
  sineCosine(plan.lag, plan.lagCircle.sine, plan.lagCircle.cosine);
  return plan;
}

}  // namespace entrain::inline ENTRAIN_ISA::cpu

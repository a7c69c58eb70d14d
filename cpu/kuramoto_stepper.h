// The steps of a Kuramoto run on a network, dense or sparse. A stage is one pass over blocks of
// oscillators, all batches of a block together: the graph pulls P of the block out of the circles
// of all, pointwise work moves the block's phases, and their circles are the next stage's sources.
// One barrier a stage. `Graph` has
//   blockRows()                             oscillators of a block, a multiple of Vector::kLanes
//   sourceLength()                          Reals of a source array
//   pull(sources, begin, end, planes, scratch), pullBack(...)    P = A X, and G = A^T g
//   spread(planes, begin, end, sources)     puts the block's part of a source array
//   scratchLength()                         Reals of scratch memory that a thread needs for these
// Several stretches of a run may be stepped side by side as `lanes`, which share the gather of an
// edge: lane k is at step n + k laneSteps, and its phases stand beside those of lane 0 like further
// batches. Where that lies beyond the last step, a lane rests.
#pragma once

#include "cpu/kuramoto_constants.h"
#include "cpu/kuramoto_layout.h"
#include "cpu/kuramoto_noise.h"
#include "cpu/reduce.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// What a step reads and leaves behind, besides the phases.
template <class Real>
struct StepRecord {
  const Real* givenPulls = nullptr;  // (stages, 2, batch, N): P, instead of the graph's products
  Real* keptPulls = nullptr;         // (stages, 2, batch, N): gets P
  Integer<Real>* phases = nullptr;   // (batch, N): gets the phases after the step
  Circle<double>* order = nullptr;   // (batch): gets Σ e^{iθ} after the step
};

template <class Real, class Graph>
class KuramotoStepper {
  using Phase = Integer<Real>;
  using Lanes = Vector<Real>;
  using PhaseLanes = VectorInteger<Real>;

 public:
  KuramotoStepper(const KuramotoSystem<Real>& op, const KuramotoConstants<Real>& constants,
                  Graph& graph, Context& context, int64_t lanes = 1, int64_t laneSteps = 0)
      : op_(op),
        c_(constants),
        graph_(graph),
        context_(context),
        lanes_(lanes),
        laneSteps_(laneSteps),
        laneLength_(constants.batch * constants.oscillators) {
    const int64_t count = lanes * laneLength_;
    rows_ = graph.blockRows();
    blocks_ = (c_.oscillators + rows_ - 1) / rows_;
    phases_ = context.workspace<Phase>(count);
    stagePhases_ = c_.stages > 1 ? context.workspace<Phase>(count) : phases_;
    total_ = c_.stages > 1 ? context.workspace<Real>(count) : nullptr;
    noise_ = op.diffusion > 0 ? context.workspace<Real>(count) : nullptr;
    tileLength_ = 2 * lanes * c_.batch * rows_;
    scratchLength_ = tileLength_ + graph.scratchLength() + 64;
    scratch_ = context.workspace<Real>(context.threads() * scratchLength_);
    for (Real*& sources : sources_) {
      sources = context.workspace<Real>(graph.sourceLength());
      graph.clear(sources);
    }
    orders_ = context.workspace<Circle<double>>(blocks_ * c_.batch);
  }

  Phase* phases() { return phases_; }  // (lanes, batch, N)
  // From here on the whole turns that a phase takes are counted, as those of phases in [-π, π).
  void countTurns(Phase* turns) { turns_ = turns; }

  // Makes the sources of phases(), where steps without given pulls are to start from them.
  void prepare() {
    forEachBlock(context_, blocks_, [&](int64_t worker, int64_t block) {
      const int64_t begin = block * rows_, end = blockEnd(block);
      const Planes<Real> planes = tile(worker);
      for (int64_t b = 0; b < lanes_ * c_.batch; ++b) {
        forEachVector<Real>(end - begin, [&](int64_t at, auto access) {
          const int64_t i = begin + at;
          const auto phase = loadPhases<Real>(access, phases_ + b * c_.oscillators + i);
          storeSource(c_.precision, planes.of(0, b) + at, planes.of(1, b) + at, i, access,
                      circleOfPhase<Lanes>(phase));
        });
      }
      graph_.spread(planes, begin, end, sources_[0]);
    });
    now_ = 0;
  }

  // Step n of this call.
  void step(int64_t n, const StepRecord<Real>& record) { step(n, &record); }
  // The same with a record of every lane; of orders, only that of a single lane.
  void step(int64_t n, const StepRecord<Real>* records) {
    for (int64_t stage = 0; stage < c_.stages; ++stage) {
      forEachBlock(context_, blocks_, [&](int64_t worker, int64_t block) {
        passBlock(worker, block, n, stage, records);
      });
      now_ = 1 - now_;
    }
    if (records->order) addOrders(records->order);
  }

 private:
  int64_t blockEnd(int64_t block) const {
    const int64_t end = (block + 1) * rows_;
    return end < c_.oscillators ? end : c_.oscillators;
  }
  Planes<Real> tile(int64_t worker) const {
    return {scratch_ + worker * scratchLength_, lanes_ * c_.batch, rows_};
  }
  template <class Access>
  HOST_DEVICE static void storeSource(const Real* precision, Real* sines, Real* cosines, int64_t i,
                                      Access access, Circle<Lanes> circle) {
    if (precision) {
      const Lanes p = access.load(precision + i);
      circle = {p * circle.sine, p * circle.cosine};
    }
    store(sines, circle.sine);
    store(cosines, circle.cosine);
  }

  // What is the same for all oscillators of a batch in a pass: copies, which no store can change,
  // so that they stay in registers.
  struct Pass {
    bool first, last, only;
    Phase lag, bias;
    bool lagged;
    int shift;
    Real weight, reach, turns, noiseScale, coupling;  // reach and turns: in turns a unit of rate
    const Real *strengths, *rates, *precision, *drive, *given;
    const Phase* drifts;
    Real *kept, *total, *noise;
    Phase *phases, *stagePhases, *nextPhases, *recorded, *turnCounts;
    int64_t planeLength;
  };

  Pass passOf(int64_t n, int64_t stage, int64_t lane, const StepRecord<Real>& record) const {
    Pass pass = {};
    const int64_t offset = lane * laneLength_;
    pass.planeLength = laneLength_;
    pass.first = stage == 0;
    pass.last = stage + 1 == c_.stages;
    pass.only = c_.stages == 1;
    pass.lag = c_.lag;
    pass.lagged = c_.lagged;
    pass.bias = driftBias<Real>(op_.firstStep + n, c_.shift);
    pass.shift = c_.shift;
    pass.weight = Real(stageWeight(c_.stages, stage));
    pass.turns = Real(c_.timeStep * kTurnsPerRadian);
    if (!pass.last) {
      pass.reach = Real(stageReach(c_.stages, stage + 1) * c_.timeStep * kTurnsPerRadian);
    }
    pass.noiseScale = Real(c_.noiseScale);
    pass.strengths = c_.unitStrengths;
    pass.precision = c_.precision;
    if (op_.driveKind == kStepDrive) pass.drive = op_.drive.data + n * c_.oscillators;
    const int64_t plane = 2 * stage * pass.planeLength;
    if (record.givenPulls) pass.given = record.givenPulls + plane;
    if (record.keptPulls) pass.kept = record.keptPulls + plane;
    pass.total = total_ ? total_ + offset : nullptr;
    pass.noise = noise_ ? noise_ + offset : nullptr;
    pass.phases = phases_ + offset;
    pass.nextPhases = stagePhases_ + offset;
    pass.stagePhases = pass.first ? pass.phases : pass.nextPhases;
    pass.recorded = record.phases;
    pass.turnCounts = turns_;
    return pass;
  }

  void passBlock(int64_t worker, int64_t block, int64_t n, int64_t stage,
                 const StepRecord<Real>* records) {
    const int64_t begin = block * rows_, end = blockEnd(block);
    Planes<Real> planes = tile(worker);
    const bool given = records->givenPulls;
    if (!given) {
      prefetch(begin, end);
      graph_.pull(sources_[now_], begin, end, planes, planes.data + tileLength_);
    }
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      const int64_t laneStep = n + lane * laneSteps_;
      if (laneStep >= op_.steps) break;
      if (noise_ && stage == 0) drawNoise(laneStep, lane, begin, end);
      Planes<Real> lanePlanes = planes;
      lanePlanes.data += lane * c_.batch * rows_;
      passLane(block, passOf(laneStep, stage, lane, records[lane]), records[lane], lanePlanes);
    }
    if (!given) graph_.spread(planes, begin, end, sources_[1 - now_]);
  }

  void passLane(int64_t block, Pass pass, const StepRecord<Real>& record, Planes<Real> planes) {
    for (int64_t b = 0; b < c_.batch; ++b) {
      pass.coupling = c_.couplingOf(b);
      pass.rates = c_.ratesOf(b);
      pass.drifts = c_.driftsOf(b);
      const Circle<double> order = passRow(pass, b, block * rows_, blockEnd(block), planes);
      if (pass.last && record.order) orders_[block * c_.batch + b] = order;
    }
  }

  // Since the last stage a dense graph has driven the block's phases out of the upper caches: they
  // come back while the graph pulls.
  void prefetch(int64_t begin, int64_t end) const {
    constexpr int64_t kLine = 64 / int64_t(sizeof(Real));
    for (int64_t b = 0; b < lanes_ * c_.batch; ++b) {
      const int64_t row = b * c_.oscillators;
      for (int64_t i = row + begin; i < row + end; i += kLine) {
        __builtin_prefetch(phases_ + i, 1, 2);
        if (b == 0) {
          __builtin_prefetch(c_.drifts + i, 0, 2);
          __builtin_prefetch(c_.unitStrengths + i, 0, 2);
        }
        if (c_.stages == 1) continue;
        __builtin_prefetch(stagePhases_ + i, 1, 2);
        __builtin_prefetch(total_ + i, 1, 2);
      }
    }
  }

  // Oscillators [begin, end) of batch b; their sum of e^{iθ} where this ends the step.
  Circle<double> passRow(const Pass pass, int64_t b, int64_t begin, int64_t end,
                         Planes<Real> planes) {
    Real *const sines = planes.of(0, b), *const cosines = planes.of(1, b);
    const int64_t row = b * c_.oscillators;
    Circle<Lanes> order = {Lanes(Real(0)), Lanes(Real(0))};
    forEachVector<Real>(
        end - begin, [&](int64_t at, auto access) __attribute__((always_inline)) {
          const int64_t i = begin + at, element = row + i;
          Circle<Lanes> pull;
          if (pass.given) {
            const Real* given = pass.given + element;
            pull = {access.load(given), access.load(given + pass.planeLength)};
          } else {
            pull = {load(sines + at), load(cosines + at)};
          }
          if (pass.kept) {
            Real* const kept = pass.kept + element;
            access.store(kept, pull.sine);
            access.store(kept + pass.planeLength, pull.cosine);
          }
          const Lanes rate = rateOf(pass, i, element, access, pull);
          PhaseLanes next;
          if (pass.last) {
            next = endStep(pass, i, element, access, rate);
          } else {
            next = nextStage(pass, i, element, access, rate);
            storePhases<Real>(access, pass.nextPhases + element, next);
          }
          const auto circle = circleOfPhase<Lanes>(next);
          if (pass.last) {
            order.sine += access.keep(circle.sine);
            order.cosine += access.keep(circle.cosine);
          }
          storeSource(pass.precision, sines + at, cosines + at, i, access, circle);
        });
    return {double(sumLanes(order.sine)), double(sumLanes(order.cosine))};
  }

  // The rate without free rotation; adds it to the step's sum.
  template <class Access>
  HOST_DEVICE static Lanes rateOf(const Pass& pass, int64_t i, int64_t element, Access access,
                                  Circle<Lanes> pull) {
    PhaseLanes phase = loadPhases<Real>(access, pass.stagePhases + element);
    if (pass.lagged) phase = wrappingSum(phase, PhaseLanes(pass.lag));
    const Lanes strength = Lanes(pass.coupling) * access.load(pass.strengths + i);
    Lanes rate = coupledRate(strength, circleOfPhase<Lanes>(phase), pull);
    if (pass.drive) rate = rate + access.load(pass.drive + i);
    if (pass.only) return rate;
    const Lanes weight(pass.weight);
    const Lanes sum =
        pass.first ? weight * rate : fma(weight, rate, access.load(pass.total + element));
    if (pass.last) return sum;
    access.store(pass.total + element, sum);
    return rate;
  }

  template <class Access>
  HOST_DEVICE static PhaseLanes nextStage(const Pass& pass, int64_t i, int64_t element,
                                          Access access, Lanes rate) {
    Lanes velocity = rate + access.load(pass.rates + i);
    if (pass.noise) {
      velocity = fma(Lanes(pass.noiseScale), access.load(pass.noise + element), velocity);
    }
    return wrappingSum(loadPhases<Real>(access, pass.phases + element),
                       phaseStep(velocity * Lanes(pass.reach)));
  }

  // `sum`: of the stages' rates.
  template <class Access>
  HOST_DEVICE static PhaseLanes endStep(const Pass& pass, int64_t i, int64_t element, Access access,
                                        Lanes sum) {
    if (pass.noise) sum = fma(Lanes(pass.noiseScale), access.load(pass.noise + element), sum);
    const Lanes turns = sum * Lanes(pass.turns);
    const PhaseLanes before = loadPhases<Real>(access, pass.phases + element);
    const auto drift = loadPhases<Real>(access, pass.drifts + i);
    const auto free = driftStep<Lanes>(drift, pass.bias, pass.shift);
    const PhaseLanes phase = wrappingSum(wrappingSum(before, free), phaseStep(turns));
    storePhases<Real>(access, pass.phases + element, phase);
    if (pass.recorded) storePhases<Real>(access, pass.recorded + element, phase);
    if (pass.turnCounts) {
      const Lanes freeTurns = access.load(pass.rates + i) * Lanes(pass.turns);
      const Lanes place(Real(1) / (Real(4) * Real(Phase(1) << (8 * sizeof(Real) - 2))));
      const Lanes moved = (toReal(before) - toReal(phase)) * place + turns + freeTurns;
      const auto count = loadPhases<Real>(access, pass.turnCounts + element);
      storePhases<Real>(access, pass.turnCounts + element, wrappingSum(count, toInteger(moved)));
    }
    return phase;
  }

  void drawNoise(int64_t n, int64_t lane, int64_t begin, int64_t end) {
    const RandomStream random = {uint32_t(op_.seedLow), uint32_t(op_.seedHigh),
                                 uint32_t(op_.stream)};
    for (int64_t b = 0; b < c_.batch; ++b) {
      const int64_t row = (op_.firstStep + n) * c_.batch + b;
      drawNormals(random, row * c_.oscillators + begin, end - begin,
                  noise_ + lane * laneLength_ + b * c_.oscillators + begin);
    }
  }

  void addOrders(Circle<double>* order) const {
    for (int64_t b = 0; b < c_.batch; ++b) {
      order[b] = {0, 0};
      for (int64_t block = 0; block < blocks_; ++block) {
        order[b].sine += orders_[block * c_.batch + b].sine;
        order[b].cosine += orders_[block * c_.batch + b].cosine;
      }
    }
  }

  const KuramotoSystem<Real>& op_;
  const KuramotoConstants<Real>& c_;
  Graph& graph_;
  Context& context_;
  int64_t lanes_, laneSteps_, laneLength_;
  int64_t rows_, blocks_, tileLength_, scratchLength_;
  Phase *phases_, *stagePhases_, *turns_ = nullptr;
  Real *total_, *noise_, *scratch_, *sources_[2];
  Circle<double>* orders_;
  int now_ = 0;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu

// The backward of a Kuramoto run on a network: the discrete adjoint of exactly its steps, from the
// last to the first. With lambda the adjoint of the phases after a step and mu_s of those of its
// stage s,
//   a_s = dt (weight_s lambda + reach_{s+1} mu_{s+1}),  g_s = a_s w (cos(θ + α), -sin(θ + α)),
//   G_s = A^T g_s,  mu_s = p (G_s.sine cos θ - G_s.cosine sin θ) + a_s ∂rate/∂θ,
// and lambda + Σ mu_s is the adjoint before the step. A stage is one pass and one product, as in
// the run: the pass that ends a stage, once its G is there, begins the next. The run's pulls are
// read or computed again, segment by segment, or several segments side by side where the graph
// gathers those for little more than one.
#pragma once

#include "cpu/kuramoto_stepper.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

// `Edges` collects the gradient of A or of the weights:
//   wanted()                                whether anybody asks for it
//   keep(g, x, begin, end)                  sees g and X of every stage, block by block
//   add(gSources, xSources, begin, end)     called where both are complete, if kAdds
//   endStage(), finish(gradDegrees, context)
template <class Real, class Graph, class Edges>
class KuramotoAdjoint {
  using Phase = Integer<Real>;
  using Lanes = Vector<Real>;
  using PhaseLanes = VectorInteger<Real>;
  static constexpr int64_t kMostLanes = 8;

 public:
  KuramotoAdjoint(const KuramotoSystem<Real>& op, const KuramotoGradients<Real>& gradients,
                  Graph& graph, Edges& edges, Context& context)
      : op_(op),
        grad_(gradients),
        graph_(graph),
        edges_(edges),
        context_(context),
        c_(constantsOf(op, graph, context)),
        n_(op.oscillators),
        count_(op.batch * op.oscillators) {
    rows_ = graph.blockRows();
    blocks_ = (n_ + rows_ - 1) / rows_;
    tileLength_ = 2 * op.batch * rows_;
    scratchLength_ = 2 * tileLength_ + graph.scratchLength() + 64;
    scratch_ = context.workspace<Real>(context.threads() * scratchLength_);
    for (int k = 0; k < 2; ++k) {
      sources_[k] = newSources();
      circles_[k] = edges.wanted() ? newSources() : nullptr;
    }
    lambda_ = zeros(count_);
    slopes_ = zeros(count_);
    if (op.stages > 1) {
      before_ = zeros(count_);
      mu_ = zeros(count_);
      stagePhases_ = context.workspace<Phase>((op.stages - 1) * count_);
    }
    const bool rates = grad_.gradNaturalFrequencies || constantDrive();
    if (rates) rateSums_ = zeros(count_);
    if (grad_.gradCoupling || c_.inverseDegrees) pullSums_ = zeros(count_);
    if (grad_.gradFrustration) lagSums_ = zeros(count_);
    if (grad_.gradPrecision) precisionSums_ = zeros(n_);
    if (op.diffusion > 0 && op.stages > 1) noise_ = zeros(count_);
    orders_ = context.workspace<Circle<double>>(blocks_ * op.batch);
  }

  void run() {
    if (grad_.gradPhases) memcpy(lambda_, grad_.gradPhases.data, size_t(count_) * sizeof(Real));
    if (grad_.gradDrive) {
      memset(grad_.gradDrive.data, 0, size_t(grad_.gradDrive.length) * sizeof(Real));
    }
    const int64_t every = op_.checkpointEvery;
    addRecord(op_.steps, checkpoint((op_.steps + every - 1) / every));
    if (grad_.pulls && every == 1) {
      runSteps({0, op_.steps, checkpoint(0), grad_.pulls.data});
    } else {
      runSegments();
    }
    finish();
  }

 private:
  // Steps [first, end) of which the phases before each and all pulls are at hand.
  struct Segment {
    int64_t first, end;
    const Phase* phases;  // (steps, batch, N)
    const Real* pulls;    // (steps, stages, 2, batch, N)
  };

  bool constantDrive() const {
    return grad_.gradDrive && (op_.driveKind == kNodeDrive || op_.driveKind == kBatchDrive);
  }
  Real* zeros(int64_t count) {
    Real* const result = context_.template workspace<Real>(count);
    memset(result, 0, size_t(count) * sizeof(Real));
    return result;
  }
  Real* newSources() {
    Real* const sources = context_.template workspace<Real>(graph_.sourceLength());
    graph_.clear(sources);
    return sources;
  }
  const Phase* checkpoint(int64_t row) const {
    return reinterpret_cast<const Phase*>(grad_.checkpoints.data) + row * count_;
  }
  int64_t blockEnd(int64_t block) const {
    const int64_t end = (block + 1) * rows_;
    return end < n_ ? end : n_;
  }

  int64_t lanesOf(int64_t every) const;
  void runSegments();
  void runSegments(int64_t every, int64_t lanes, Graph& graph);

  void runSteps(const Segment& segment) {
    bool open = false;  // whether g of the next stage has been spread already
    for (int64_t n = segment.end - 1; n >= segment.first; --n) {
      const bool records = op_.recordEvery > 0 && n > 0 && n % op_.recordEvery == 0 &&
                           (grad_.gradRecordR || grad_.gradRecordPhases);
      for (int64_t stage = op_.stages - 1; stage >= 0; --stage) {
        if (!open) pass(segment, -1, 0, n, stage);
        const bool goesOn = stage > 0 || (n > segment.first && !records);
        const int64_t nextStep = !goesOn ? -1 : stage > 0 ? n : n - 1;
        pass(segment, n, stage, nextStep, stage > 0 ? stage - 1 : op_.stages - 1);
        open = goesOn;
      }
      if (records) addRecord(n, segment.phases + (n - segment.first) * count_);
    }
  }

  // Ends stage `stage` of step n, of which g has been spread, and begins nextStage of step next;
  // either may be -1.
  void pass(const Segment& segment, int64_t n, int64_t stage, int64_t next, int64_t nextStage) {
    if (Edges::kAdds && n >= 0 && edges_.wanted()) {
      // On its own: what this gathers and what the pull gathers would not fit into L2 together.
      forEachBlock(context_, blocks_, [&](int64_t, int64_t block) {
        edges_.add(sources_[now_], circles_[now_], block * rows_, blockEnd(block));
      });
    }
    forEachBlock(context_, blocks_, [&](int64_t worker, int64_t block) {
      const int64_t begin = block * rows_, end = blockEnd(block);
      const Planes<Real> planes = {scratch_ + worker * scratchLength_, op_.batch, rows_};
      if (n >= 0) {
        prefetch(segment, n, stage, next, nextStage, begin, end);
        graph_.pullBack(sources_[now_], begin, end, planes, planes.data + 2 * tileLength_);
        for (int64_t b = 0; b < op_.batch; ++b) endRow(segment, n, stage, b, begin, end, planes);
      }
      if (next < 0) return;
      const Planes<Real> circles = {planes.data + tileLength_, op_.batch, rows_};
      if (nextStage == op_.stages - 1 && op_.stages > 1) {
        for (int64_t b = 0; b < op_.batch; ++b) restoreRow(segment, next, b, begin, end);
      }
      for (int64_t b = 0; b < op_.batch; ++b) {
        beginRow(segment, next, nextStage, b, begin, end, planes, circles);
      }
      graph_.spread(planes, begin, end, sources_[1 - now_]);
      if (edges_.wanted()) {
        graph_.spread(circles, begin, end, circles_[1 - now_]);
        edges_.keep(planes, circles, begin, end);
      }
    });
    if (next < 0) return;
    now_ = 1 - now_;
    if (edges_.wanted()) edges_.endStage();
  }

  const Phase* phasesOf(const Segment& segment, int64_t n, int64_t stage) const {
    return stage == 0 ? segment.phases + (n - segment.first) * count_
                      : stagePhases_ + (stage - 1) * count_;
  }
  const Real* pullsOf(const Segment& segment, int64_t n, int64_t stage) const {
    return segment.pulls + ((n - segment.first) * op_.stages + stage) * 2 * count_;
  }

  // What the block's rows read has left the upper caches: it comes back while the graph pulls.
  void prefetch(const Segment& segment, int64_t n, int64_t stage, int64_t next, int64_t nextStage,
                int64_t begin, int64_t end) const {
    const auto fetch = [=](const auto* values) __attribute__((always_inline)) {
      for (int64_t i = begin; i < end; i += 64 / int64_t(sizeof(Real))) {
        __builtin_prefetch(values + i, 0, 2);
      }
    };
    for (int64_t row = 0; row < count_; row += n_) {
      fetch(phasesOf(segment, n, stage) + row);
      fetch(lambda_ + row);
      fetch(slopes_ + row);
      if (rateSums_) fetch(rateSums_ + row);
      if (next < 0) continue;
      fetch(phasesOf(segment, next, nextStage) + row);
      fetch(pullsOf(segment, next, nextStage) + row);
      fetch(pullsOf(segment, next, nextStage) + count_ + row);
    }
  }

  // mu of the stage that ends, from G in `planes`.
  void endRow(const Segment& segment, int64_t n, int64_t stage, int64_t b, int64_t begin,
              int64_t end, Planes<Real> planes) {
    const int64_t row = b * n_ + begin;
    const Phase* const phases = phasesOf(segment, n, stage) + row;
    const Real *const sines = planes.of(0, b), *const cosines = planes.of(1, b);
    const Real* const precision = c_.precision ? c_.precision + begin : nullptr;
    const Real* const slopes = slopes_ + row;
    Real* const precisionSums = precisionSums_ ? precisionSums_ + begin : nullptr;
    // Of one stage, the adjoint before the step takes the place of that after it at once.
    const bool single = op_.stages == 1;
    Real* const sums = (single ? lambda_ : before_) + row;
    Real* const lambda = stage == 0 && !single ? lambda_ + row : nullptr;
    Real* const mus = single ? nullptr : mu_ + row;
    forEachVector<Real>(
        end - begin, [&](int64_t i, auto access) __attribute__((always_inline)) {
          const auto circle = circleOfPhase<Lanes>(loadPhases<Real>(access, phases + i));
          const Circle<Lanes> gradSource = {load(sines + i), load(cosines + i)};
          Lanes mu = gradSourcePhase(circle, gradSource);
          if (precision) mu = mu * access.load(precision + i);
          mu = mu + access.load(slopes + i);
          if (precisionSums) {
            const Lanes share = gradSourcePrecision(circle, gradSource);
            access.store(precisionSums + i, access.load(precisionSums + i) + share);
          }
          const Lanes sum = access.load(sums + i) + mu;
          access.store(sums + i, sum);
          if (lambda) access.store(lambda + i, sum);
          if (mus) access.store(mus + i, mu);
        });
  }

  // The phases of the stages of step n, as the run had them.
  void restoreRow(const Segment& segment, int64_t n, int64_t b, int64_t begin, int64_t end) {
    const int64_t row = b * n_ + begin;
    if (noise_) {
      const RandomStream random = {uint32_t(op_.seedLow), uint32_t(op_.seedHigh),
                                   uint32_t(op_.stream)};
      drawNormals(random, ((op_.firstStep + n) * op_.batch + b) * n_ + begin, end - begin,
                  noise_ + row);
    }
    for (int64_t stage = 0; stage + 1 < op_.stages; ++stage) {
      const Lanes reach(Real(stageReach(op_.stages, stage + 1) * op_.timeStep * kTurnsPerRadian));
      const Lanes coupling(c_.couplingOf(b)), noiseScale(Real(c_.noiseScale));
      const Real* const pulls = pullsOf(segment, n, stage) + row;
      const Phase* const phases = phasesOf(segment, n, stage) + row;
      const Phase* const starts = phasesOf(segment, n, 0) + row;
      Phase* const next = stagePhases_ + stage * count_ + row;
      const Real* const drive = driveOf(n);
      forEachVector<Real>(end - begin, [&](int64_t i, auto access) {
        PhaseLanes phase = loadPhases<Real>(access, phases + i);
        if (c_.lagged) phase = wrappingSum(phase, PhaseLanes(c_.lag));
        const Circle<Lanes> pull = {access.load(pulls + i), access.load(pulls + count_ + i)};
        const Lanes strength = coupling * access.load(c_.unitStrengths + begin + i);
        Lanes velocity = coupledRate(strength, circleOfPhase<Lanes>(phase), pull);
        if (drive) velocity = velocity + access.load(drive + begin + i);
        velocity = velocity + access.load(c_.ratesOf(b) + begin + i);
        if (noise_) velocity = fma(noiseScale, access.load(noise_ + row + i), velocity);
        storePhases<Real>(
            access, next + i,
            wrappingSum(loadPhases<Real>(access, starts + i), phaseStep(velocity * reach)));
      });
    }
  }
  const Real* driveOf(int64_t n) const {
    return op_.driveKind == kStepDrive ? op_.drive.data + n * n_ : nullptr;
  }

  // g and X of a stage that begins, and what its adjoint gives to everything but the phases.
  void beginRow(const Segment& segment, int64_t n, int64_t stage, int64_t b, int64_t begin,
                int64_t end, Planes<Real> planes, Planes<Real> circles) {
    const int64_t row = b * n_ + begin;
    const bool last = stage == op_.stages - 1, keeps = edges_.wanted();
    const Lanes weight(Real(op_.timeStep * stageWeight(op_.stages, stage)));
    const Lanes reach(Real(last ? 0 : op_.timeStep * stageReach(op_.stages, stage + 1)));
    const Lanes coupling(c_.couplingOf(b));
    const PhaseLanes lag(c_.lag);
    const bool lagged = c_.lagged, starts = last && op_.stages > 1;
    const int64_t planeLength = count_;
    const Phase* const phases = phasesOf(segment, n, stage) + row;
    const Real *const pulls = pullsOf(segment, n, stage) + row, *const mus = mu_ + row;
    const Real *const lambda = lambda_ + row, *const strengths = c_.unitStrengths + begin;
    const Real* const precision = c_.precision ? c_.precision + begin : nullptr;
    Real *const slopes = slopes_ + row, *const before = before_ + row;
    Real *const rateSums = rateSums_ ? rateSums_ + row : nullptr,
                *const pullSums = pullSums_ ? pullSums_ + row : nullptr,
                *const lagSums = lagSums_ ? lagSums_ + row : nullptr;
    Real* const driveSums = grad_.gradDrive && op_.driveKind == kStepDrive
                                ? grad_.gradDrive.data + n * n_ + begin
                                : nullptr;
    Real *const sines = planes.of(0, b), *const cosines = planes.of(1, b);
    Real *const xSines = circles.of(0, b), *const xCosines = circles.of(1, b);
    const auto add = [](auto access, Real* sums, int64_t i, Lanes x) {
      if (sums) access.store(sums + i, access.load(sums + i) + x);
    };
    forEachVector<Real>(
        end - begin, [&](int64_t i, auto access) __attribute__((always_inline)) {
          const Lanes after = access.load(lambda + i);
          Lanes adjoint = weight * after;
          if (!last) adjoint = fma(reach, access.load(mus + i), adjoint);
          if (starts) access.store(before + i, after);
          const PhaseLanes phase = loadPhases<Real>(access, phases + i);
          const auto circle = circleOfPhase<Lanes>(phase);
          const auto here = lagged ? circleOfPhase<Lanes>(wrappingSum(phase, lag)) : circle;
          const Circle<Lanes> pull = {access.load(pulls + i), access.load(pulls + planeLength + i)};
          const Lanes strength = coupling * access.load(strengths + i);
          const Lanes slope = adjoint * coupledRateSlope(strength, here, pull);
          access.store(slopes + i, slope);
          const auto g = gradPull(adjoint, strength, here);
          store(sines + i, g.sine);
          store(cosines + i, g.cosine);
          if (keeps) {
            const Lanes p = precision ? access.load(precision + i) : Lanes(Real(1));
            store(xSines + i, p * circle.sine);
            store(xCosines + i, p * circle.cosine);
          }
          add(access, rateSums, i, adjoint);
          add(access, pullSums, i, coupledRate(adjoint, here, pull));
          add(access, lagSums, i, slope);
          add(access, driveSums, i, adjoint);
        });
  }

  // Adds the gradients of the record that was made after `done` steps, at the phases of then.
  void addRecord(int64_t done, const Phase* phases) {
    const int64_t every = op_.recordEvery;
    if (every == 0 || done % every != 0) return;
    const int64_t records = recordCount(op_.steps, every), record = done / every - 1;
    if (grad_.gradRecordR) addOrderGradients(record, records, phases);
    if (!grad_.gradRecordPhases) return;
    for (int64_t b = 0; b < op_.batch; ++b) {
      const Real* from = grad_.gradRecordPhases.data + (b * records + record) * n_;
      Real* const to = lambda_ + b * n_;
      context_.forRange(n_, 16384, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] += from[i];
      });
    }
  }

  // dR/dθ_i = sin(ψ - θ_i) / N = (direction of Σ).sine cos θ_i - … over N
  void addOrderGradients(int64_t record, int64_t records, const Phase* phases) {
    forEachBlock(context_, blocks_, [&](int64_t, int64_t block) {
      const int64_t begin = block * rows_, end = blockEnd(block);
      for (int64_t b = 0; b < op_.batch; ++b) {
        Circle<Lanes> sum = {Lanes(Real(0)), Lanes(Real(0))};
        forEachVector<Real>(end - begin, [&](int64_t i, auto access) {
          const auto circle =
              circleOfPhase<Lanes>(loadPhases<Real>(access, phases + b * n_ + begin + i));
          sum.sine += access.keep(circle.sine);
          sum.cosine += access.keep(circle.cosine);
        });
        orders_[block * op_.batch + b] = {double(sumLanes(sum.sine)), double(sumLanes(sum.cosine))};
      }
    });
    for (int64_t b = 0; b < op_.batch; ++b) {
      Circle<double> sum = {0, 0};
      for (int64_t block = 0; block < blocks_; ++block) {
        sum.sine += orders_[block * op_.batch + b].sine;
        sum.cosine += orders_[block * op_.batch + b].cosine;
      }
      const double length = squareRoot(fma(sum.sine, sum.sine, sum.cosine * sum.cosine));
      if (length == 0) continue;
      const double scale = double(grad_.gradRecordR[b * records + record]) / (length * double(n_));
      const Circle<Lanes> direction = {Lanes(Real(sum.sine * scale)),
                                       Lanes(Real(sum.cosine * scale))};
      context_.forRange(n_, 16384, [&](int64_t begin, int64_t end) {
        forEachVector<Real>(end - begin, [&](int64_t at, auto access) {
          const int64_t i = b * n_ + begin + at;
          const auto circle = circleOfPhase<Lanes>(loadPhases<Real>(access, phases + i));
          access.store(lambda_ + i, access.load(lambda_ + i) + gradSourcePhase(circle, direction));
        });
      });
    }
  }

  void finish();

  const KuramotoSystem<Real>& op_;
  const KuramotoGradients<Real>& grad_;
  Graph& graph_;
  Edges& edges_;
  Context& context_;
  KuramotoConstants<Real> c_;
  int64_t n_, count_, rows_, blocks_, tileLength_, scratchLength_;
  Real *scratch_, *sources_[2], *circles_[2];
  Real *lambda_, *slopes_;  // slopes: a_s ∂rate/∂θ
  Real *before_ = nullptr, *mu_ = nullptr, *noise_ = nullptr;
  Phase* stagePhases_ = nullptr;  // (stages - 1, batch, N)
  Real *rateSums_ = nullptr, *pullSums_ = nullptr, *lagSums_ = nullptr, *precisionSums_ = nullptr;
  Circle<double>* orders_;
  int now_ = 0;
};

}  // namespace entrain::inline ENTRAIN_ISA::cpu

#include "cpu/kuramoto_adjoint_segments.h"
#include "cpu/kuramoto_adjoint_sums.h"

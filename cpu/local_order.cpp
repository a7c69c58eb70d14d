// Some rows at a time: their points on the circle, prefix sums of them (a ring, all to all; one
// thread a row), then every oscillator. Floor: a sine and a cosine for each phase; on a sparse
// graph the gather of one point for each edge.
#include "ops/local_order.h"

#include "cpu/kernel.h"
#include "cpu/vector.h"

namespace entrain::inline ENTRAIN_ISA::cpu {

namespace {

constexpr int64_t kChunk = 1 << 20;  // phases whose points are held at once: 16 MiB
constexpr int64_t kGrain = 2048;     // phases a task takes

// Calls write(i, circle) for the point of every phase.
template <class Real, class Write>
void forEachPoint(Context& context, const Real* phases, int64_t count, const Write& write) {
  using Lanes = Vector<Real>;
  context.forRange(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += Lanes::kLanes) {
      const int64_t lanes = end - i < Lanes::kLanes ? end - i : Lanes::kLanes;
      Lanes s, c;
      sineCosine(loadPartial(phases + i, lanes), s, c);
      Real sine[Lanes::kLanes], cosine[Lanes::kLanes];
      store(sine, s);
      store(cosine, c);
      for (int64_t j = 0; j < lanes; ++j) write(i + j, Circle<Real>{sine[j], cosine[j]});
    }
  });
}

// Calls body(at, i) for every phase of whole rows: its place among them and its oscillator.
template <class Body>
void forEachOscillator(Context& context, int64_t rows, int64_t n, const Body& body) {
  context.forRange(rows * n, kGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin % n;
    for (int64_t at = begin; at < end; ++at) {
      body(at, i);
      i = i + 1 < n ? i + 1 : 0;
    }
  });
}

// Rows [first, first + count) on a sparse graph.
template <class Real>
void sparseRows(const LocalOrder<Real>& op, Context& context, int64_t first, int64_t count,
                Circle<Real>* circles) {
  const int64_t n = op.oscillators;
  forEachPoint(context, op.phases.data + first * n, count * n,
               [&](int64_t i, Circle<Real> circle) { circles[i] = circle; });
  forEachOscillator(context, count, n, [&](int64_t at, int64_t i) {
    PullSum sum = {0, 0, 0};
    op.addEdges(sum, circles + (at - i), i, op.rowPointer[i], 1);
    op.order[first * n + at] = localOrderOf<Real>({sum.sine, sum.cosine}, sum.degree);
  });
}

// The same on a ring or all to all.
template <class Real>
void windowRows(const LocalOrder<Real>& op, Context& context, int64_t first, int64_t count,
                Circle<int64_t>* prefix) {
  const int64_t n = op.oscillators;
  const double scale = op.scale();
  forEachPoint(context, op.phases.data + first * n, count * n, [&](int64_t i, Circle<Real> circle) {
    prefix[i] = fixedPoint({double(circle.sine), double(circle.cosine)}, scale);
  });
  context.forEach(count, [&](int64_t row) {
    Circle<int64_t>* sums = prefix + row * n;
    for (int64_t i = 1; i < n; ++i) sums[i] = SumFixedPoint{}(sums[i - 1], sums[i]);
  });
  forEachOscillator(context, count, n, [&](int64_t at, int64_t i) {
    op.order[first * n + at] = op.windowOrder(prefix + (at - i), i, scale);
  });
}

}  // namespace

template <class Real>
void run(const LocalOrder<Real>& op, Context& context) {
  const int64_t most = kChunk / op.oscillators > 1 ? kChunk / op.oscillators : 1;
  const int64_t chunk = op.rows < most ? op.rows : most;
  const auto forEachChunk = [&](auto run, auto* points) {
    for (int64_t first = 0; first < op.rows; first += chunk) {
      run(op, context, first, op.rows - first < chunk ? op.rows - first : chunk, points);
    }
  };
  if (op.rowPointer) {
    forEachChunk(sparseRows<Real>, context.workspace<Circle<Real>>(chunk * op.oscillators));
  } else {
    forEachChunk(windowRows<Real>, context.workspace<Circle<int64_t>>(chunk * op.oscillators));
  }
}

EXPORT_KERNELS(LocalOrder)

}  // namespace entrain::inline ENTRAIN_ISA::cpu

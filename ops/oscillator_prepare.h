// What a call on oscillators does before and after its steps: Z_i, s_i / Z_i and D_i from the
// graph; the sums that bring gradients to the shapes of their arguments, and those through Z and D.
//   dL/dZ_i = -Σ_b K_b s_i / Z_i² dL/dw_bi,
//   dL/dA_ij += sign(A_ij) p_j dL/dZ_i + p_j dL/dD_i,  dL/dp_j += Σ_i |A_ij| dL/dZ_i + A_ij dL/dD_i
#pragma once

#include "ops/oscillator_pull.h"

namespace entrain::inline ENTRAIN_ISA {

template <class Real>
HOST_DEVICE bool needsRowSums(const OscillatorNetwork<Real>& net) {
  return net.normalisation == kByDegree || net.system == kStuartLandau;
}

// Where Z_i would be below kLeastDegree, nothing pulls and nothing flows; but Z_i of Stuart-Landau
// is max(Z_i, kLeastDegree), and gradients flow through the pull alone.
template <class Real>
HOST_DEVICE bool isClamped(const OscillatorNetwork<Real>& net) {
  return net.system == kStuartLandau;
}

// By a team that owns the whole batch.
template <class Team, class Real>
TEAM_PASS void prepareNetwork(const Team& whole, const OscillatorNetwork<Real>& net) {
  const int64_t n = net.oscillators;
  const Team team = whole.elements(0, 1);
  const bool sums = needsRowSums(net);
  const auto ones = [&](int64_t, int64_t i, auto access) {
    using Number = Loaded<decltype(access), Real>;
    const Number p = net.precision ? access.load(net.precision + i) : Number(Real(1));
    storePair(access, net.pairs + i, n, {p, p});
    return Circle<Number>{p, p};
  };
  if (sums && pullsByTotal(net)) sumPairs(team, n, net.total, AllElements{}, ones);
  if (sums && !pullsByTotal(net)) {
    team.nodes(AllElements{}, n,
               [&](int64_t b, int64_t i, auto access) { (void)ones(b, i, access); });
    pull(team, net, net.pairs, net.pulledPairs, AllElements{}, false, true);
  }
  team.nodes(AllElements{}, n, [&](int64_t, int64_t i, auto access) {
    using Number = Loaded<decltype(access), Real>;
    const Number one(Real(1)), zero(Real(0));
    Circle<Number> pulled = {zero, zero};
    if (sums) pulled = pulledAt(net, net.pairs, net.pulledPairs, net.total, 0, i, access);
    Number degree = one;
    if (net.normalisation == kByCount) degree = Number(Real(n > 1 ? n - 1 : 1));
    if (net.normalisation == kByDegree) degree = pulled.cosine;
    const Number least = Number(Real(kLeastDegree));
    const auto isNone = less(degree, least);
    const Number sign = net.sign ? access.load(net.sign + i) : one;
    const Number none = isClamped(net) ? sign / least : zero;
    access.store(net.degree + i, degree);
    access.store(net.scale + i, select(isNone, none, sign / select(isNone, one, degree)));
    access.store(net.rowSum + i, pulled.sine);
  });
  team.forElements([&](int64_t) {
    sineCosine(net.frustration ? net.frustration[0] : Real(0), net.lag[1], net.lag[0]);
  });
}

// What the steps of a backward add up, each (batch, N) and null where nobody needs it.
template <class Real>
struct OscillatorSums {
  Real *frequency, *strength, *lag, *first, *second, *rowSum, *precision;
  Real* stepFrequency;  // of one step, where the drive goes by steps
  Real* weight;         // (groups, edges)
  int64_t groups;
};

// Where the gradients go; views of nothing where nobody wants them.
template <class Real>
struct OscillatorTargets {
  View<Real> naturalFrequencies, coupling, precision, frustration, drive, weight, first, second;
};

template <class Real, class Operation>
OscillatorTargets<Real> targetsOf(const Operation& op) {
  return {op.gradNaturalFrequencies,
          op.gradCoupling,
          op.gradPrecision,
          op.gradFrustration,
          op.gradDrive,
          op.gradWeight,
          {},
          {}};
}
template <class Real, class Operation>
void useKindGradients(OscillatorTargets<Real>& targets, const Operation& op) {
  targets.first = op.system == kSwing          ? op.gradInertia
                  : op.system == kStuartLandau ? op.gradGrowth
                                               : op.gradWidth;
  targets.second = op.gradDamping;
}

// Gradients of a graph's weights are learned of only where it stores them.
template <class Real>
bool learnsWeight(const OscillatorTargets<Real>& targets) {
  return targets.weight.length > 0;
}

template <class Real, class Take>
OscillatorSums<Real> takeSums(const OscillatorNetwork<Real>& net,
                              const OscillatorTargets<Real>& targets, int64_t groups,
                              const Take& take) {
  const int64_t count = net.batch * net.oscillators;
  const auto wanted = [&](bool isWanted) { return isWanted ? take(count) : nullptr; };
  const bool learned = targets.precision || learnsWeight(targets);
  OscillatorSums<Real> sums = {};
  sums.frequency = wanted(targets.naturalFrequencies || targets.drive);
  sums.strength = wanted(targets.coupling || (learned && net.normalisation == kByDegree));
  sums.lag = wanted(bool(targets.frustration));
  sums.first = wanted(bool(targets.first));
  sums.second = wanted(bool(targets.second));
  sums.rowSum = wanted(learned && net.system == kStuartLandau);
  sums.precision = wanted(bool(targets.precision));
  sums.stepFrequency = wanted(targets.drive && net.driveKind == kStepDrive);
  sums.groups = groups;
  if (learnsWeight(targets)) sums.weight = take(groups * net.edges);
  return sums;
}

// target = Σ value(b, i) over all that shares it; `term` gives value(b, i, access).
template <class Team, class Real, class Term>
TEAM_FUNCTION void sumInto(const Team& team, const OscillatorNetwork<Real>& net, View<Real> target,
                           const Term& term) {
  if (target.length == 0) return;
  const int64_t n = net.oscillators, batch = net.batch;
  if (target.length == 1) {
    Real* const perElement = net.total;
    sumOverNodes(team, net, {perElement, batch}, term);
    team.template rowSums<1>(
        1, batch, AllElements{},
        [&](int64_t, int64_t b, auto access, auto* sums) {
          sums[0] = sums[0] + access.load(perElement + b);
        },
        [&](int64_t, const Real* sums) { target[0] = sums[0]; });
  } else if (target.length == n) {
    team.elements(0, 1).nodes(AllElements{}, n, [&](int64_t, int64_t i, auto access) {
      auto sum = term(0, i, access);
      for (int64_t b = 1; b < batch; ++b) sum = sum + term(b, i, access);
      access.store(target.data + i, sum);
    });
  } else {
    team.nodes(AllElements{}, n, [&](int64_t b, int64_t i, auto access) {
      access.store(target.data + b * n + i, term(b, i, access));
    });
  }
}
// target[b] = Σ_i term(b, i)
template <class Team, class Real, class Term>
TEAM_FUNCTION void sumOverNodes(const Team& team, const OscillatorNetwork<Real>& net,
                                View<Real> target, const Term& term) {
  team.template rowSums<1>(
      net.batch, net.oscillators, AllElements{},
      [&](int64_t b, int64_t i, auto access, auto* sums) {
        sums[0] = sums[0] + access.keep(term(b, i, access));
      },
      [&](int64_t b, const Real* sums) { target[b] = sums[0]; });
}

// dL/dZ and dL/dD, summed over the batch, as a pair; then what they give to p, in pulledPairs.
template <class Team, class Real>
TEAM_PASS void gradRowSums(const Team& whole, const OscillatorNetwork<Real>& net,
                           const OscillatorSums<Real>& sums) {
  const int64_t n = net.oscillators;
  const bool byDegree = net.normalisation == kByDegree;
  const Team team = whole.elements(0, 1);
  const auto pair = [&](int64_t, int64_t i, auto access) {
    using Number = Loaded<decltype(access), Real>;
    const Number zero(Real(0));
    Circle<Number> gradient = {zero, zero};
    for (int64_t b = 0; b < net.batch; ++b) {
      const int64_t at = b * n + i;
      if (byDegree) {
        gradient.cosine =
            fma(net.coupling.at(b, i, access), access.load(sums.strength + at), gradient.cosine);
      }
      if (sums.rowSum) gradient.sine = gradient.sine + access.load(sums.rowSum + at);
    }
    const Number degree = access.load(net.degree + i);
    const Number scale = access.load(net.scale + i);
    const auto isNone = less(degree, Number(Real(kLeastDegree)));
    gradient.cosine =
        select(isNone, zero, -(gradient.cosine * scale) / select(isNone, Number(Real(1)), degree));
    storePair(access, net.pairs + i, n, gradient);
    return gradient;
  };
  if (pullsByTotal(net)) return sumPairs(team, n, net.total, AllElements{}, pair);
  team.nodes(AllElements{}, n,
             [&](int64_t b, int64_t i, auto access) { (void)pair(b, i, access); });
  pull(team, net, net.pairs, net.pulledPairs, AllElements{}, true, true);
}

// What an edge's weight gets through Z and D.
template <class Real, class Number>
HOST_DEVICE Number gradWeightOfRowSums(Number a, Number precision, Real gradDegree, Real gradRow) {
  const Number zero(Lane<Number>(0));
  const Number up = select(less(zero, a), Number(gradDegree), zero);
  const Number down = select(less(a, zero), Number(gradDegree), zero);
  return precision * ((up - down) + Number(gradRow));
}

template <class Team, class Real>
TEAM_PASS void finishGradWeight(const Team& team, const OscillatorNetwork<Real>& net,
                                const OscillatorSums<Real>& sums, View<Real> target,
                                bool throughSums) {
  const int64_t n = net.oscillators;
  const auto grouped = [&](int64_t e, auto access) {
    auto sum = access.load(sums.weight + e);
    for (int64_t g = 1; g < sums.groups; ++g)
      sum = sum + access.load(sums.weight + g * net.edges + e);
    return sum;
  };
  if (net.graph == kDenseGraph) {
    team.elements(0, n).nodes(AllElements{}, n, [&](int64_t i, int64_t j, auto access) {
      using Number = Loaded<decltype(access), Real>;
      Number sum = grouped(i * n + j, access);
      if (throughSums) {
        const Number p = net.precision ? access.load(net.precision + j) : Number(Real(1));
        const Number a = access.load(net.weight + i * n + j);
        const Number more = gradWeightOfRowSums(a, p, net.pairs[i], net.pairs[n + i]);
        sum = sum + withoutLane(more, i - j);
      }
      access.store(target.data + i * n + j, sum);
    });
    return;
  }
  team.elements(0, 1).nodes(AllElements{}, net.edges, [&](int64_t, int64_t e, auto access) {
    access.store(target.data + e, grouped(e, access));
  });
  if (!throughSums) return;
  team.forRows(n, [&](int64_t i) {
    for (int64_t e = net.rowPointer[i]; e < net.rowPointer[i + 1]; ++e) {
      const int64_t j = net.column[e];
      if (j == i) continue;
      const Real p = net.precision ? net.precision[j] : Real(1);
      target[e] += gradWeightOfRowSums(net.weight[e], p, net.pairs[i], net.pairs[n + i]);
    }
  });
}

// Brings the sums to their arguments; by a team that owns the whole batch.
template <class Team, class Real>
TEAM_FUNCTION void finishGradients(const Team& team, const OscillatorNetwork<Real>& net,
                                   const OscillatorSums<Real>& sums,
                                   const OscillatorTargets<Real>& targets) {
  const int64_t n = net.oscillators;
  const auto of = [&](const Real* from) {
    return [=](int64_t b, int64_t i, auto access) { return access.load(from + b * n + i); };
  };
  sumInto(team, net, targets.naturalFrequencies, of(sums.frequency));
  if (net.driveKind != kStepDrive) sumInto(team, net, targets.drive, of(sums.frequency));
  sumInto(team, net, targets.frustration, of(sums.lag));
  sumInto(team, net, targets.first, of(sums.first));
  sumInto(team, net, targets.second, of(sums.second));
  const auto strength = [&](int64_t b, int64_t i, auto access) {
    return access.load(sums.strength + b * n + i) * access.load(net.scale + i);
  };
  if (targets.coupling.length == 1) sumInto(team, net, targets.coupling, strength);
  if (targets.coupling.length > 1) sumOverNodes(team, net, targets.coupling, strength);
  const bool learned = targets.precision.length > 0 || targets.weight.length > 0;
  const bool throughSums = learned && needsRowSums(net);
  if (throughSums) gradRowSums(team, net, sums);
  if (targets.weight.length > 0) finishGradWeight(team, net, sums, targets.weight, throughSums);
  if (targets.precision.length == 0) return;
  team.elements(0, 1).nodes(AllElements{}, n, [&](int64_t, int64_t i, auto access) {
    auto sum = access.load(sums.precision + i);
    for (int64_t b = 1; b < net.batch; ++b) sum = sum + access.load(sums.precision + b * n + i);
    if (throughSums) {
      const auto pulled = pulledAt(net, net.pairs, net.pulledPairs, net.total, 0, i, access);
      sum = sum + pulled.cosine + pulled.sine;
    }
    access.store(targets.precision.data + i, sum);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA

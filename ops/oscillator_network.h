// Oscillators as the integrators see them: where each parameter is read, and where what is prepared
// once a call. Pairs of numbers are planes (batch, 2, N): cosine or x first, then sine or y.
#pragma once

#include "ops/oscillator_system.h"
#include "ops/team.h"

namespace entrain::inline ENTRAIN_ISA {

// One number for all, one for each oscillator, or one for each of each batch element.
template <class Real>
struct Parameter {
  const Real* data = nullptr;
  int64_t batchStride = 0, nodeStride = 0;

  template <class Access>
  HOST_DEVICE Loaded<Access, Real> at(int64_t b, int64_t i, Access access) const {
    const Real* const from = data + b * batchStride;
    return nodeStride != 0 ? access.load(from + i) : Loaded<Access, Real>(*from);
  }
};

template <class Real>
Parameter<Real> parameterOf(View<const Real> view, int64_t oscillators) {
  if (view.length <= 1) return {view.data, 0, 0};
  if (view.length == oscillators) return {view.data, 0, 1};
  return {view.data, oscillators, 1};
}

template <class Real>
struct OscillatorNetwork {
  int64_t batch, oscillators, length;  // numbers of a state
  int64_t system, graph, normalisation, neighbours, driveKind, edges;
  Parameter<Real> frequency, coupling, first, second, drive;
  const Real *precision, *sign, *frustration, *weight;
  const int32_t *rowPointer, *column, *sourcePointer, *source, *sourceEdge;
  // Prepared: Z_i, s_i / Z_i, D_i, (cos α, sin α); pairs (2, N) and sums for it.
  Real *degree, *scale, *rowSum, *lag, *pairs, *pulledPairs, *total;
  Real* blocks;  // (batch, 2, ringBlocks): sums over stretches of a ring
};

template <class Real, class Operation>
OscillatorNetwork<Real> networkOf(const Operation& op, int64_t system) {
  OscillatorNetwork<Real> net = {};
  net.batch = op.batch;
  net.oscillators = op.oscillators;
  net.length = planesOf(system) * op.oscillators;
  net.system = system;
  net.graph = op.graph;
  net.normalisation = system == kOttAntonsen ? int64_t(kUnnormalised) : op.normalisation;
  net.neighbours = op.neighbours;
  net.driveKind = op.driveKind;
  net.edges = op.weight.length;
  net.frequency = parameterOf(op.naturalFrequencies, op.oscillators);
  net.coupling = {op.coupling.data, op.coupling.length > 1 ? 1 : 0, 0};
  net.drive = {op.drive.data, op.driveKind == kBatchDrive ? op.oscillators : 0, 1};
  net.precision = op.precision.data;
  net.sign = op.sign.data;
  net.frustration = op.frustration.data;
  net.weight = op.weight.data;
  net.rowPointer = op.rowPointer.data;
  net.column = op.column.data;
  return net;
}
template <class Real, class Operation>
void useKind(OscillatorNetwork<Real>& net, const Operation& op) {
  const auto first = op.system == kSwing           ? op.inertia
                     : op.system == kStuartLandau ? op.growth
                                                  : op.width;
  net.first = parameterOf(first, op.oscillators);
  net.second = parameterOf(op.damping, op.oscillators);
}
template <class Real>
void useSources(OscillatorNetwork<Real>& net, const GraphSources& sources) {
  net.sourcePointer = sources.sourcePointer.data;
  net.source = sources.source.data;
  net.sourceEdge = sources.sourceEdge.data;
}

// Sums over a ring go by blocks of about √(2k), so that a window costs O(√k).
template <class Real>
HOST_DEVICE int64_t ringBlock(const OscillatorNetwork<Real>& net) {
  int64_t block = 16;
  while (block * block < 2 * net.neighbours) block *= 2;
  return block;
}
template <class Real>
HOST_DEVICE bool usesBlocks(const OscillatorNetwork<Real>& net) {
  return net.graph == kRingGraph && net.neighbours > 32;
}

// Takes the memory that the preparation and the pull need, from `take(count)`.
template <class Real, class Take>
void takeNetwork(OscillatorNetwork<Real>& net, const Take& take) {
  const int64_t n = net.oscillators;
  net.degree = take(n);
  net.scale = take(n);
  net.rowSum = take(n);
  net.lag = take(2);
  net.pairs = take(2 * n);
  net.pulledPairs = take(2 * n);
  net.total = take(2 * net.batch);
  net.blocks = usesBlocks(net) ? take(net.batch * 2 * (n / ringBlock(net) + 1)) : nullptr;
}

template <class Real, class Access>
HOST_DEVICE OscillatorConstants<Loaded<Access, Real>> constantsAt(
    const OscillatorNetwork<Real>& net, const Parameter<Real>& drive, int64_t b, int64_t i,
    Access access) {
  using Number = Loaded<Access, Real>;
  OscillatorConstants<Number> c;
  c.frequency = net.frequency.at(b, i, access);
  if (drive.data) c.frequency = c.frequency + drive.at(b, i, access);
  c.strength = net.coupling.at(b, i, access) * access.load(net.scale + i);
  c.first = net.first.data ? net.first.at(b, i, access) : Number(Real(0));
  c.second = net.second.data ? net.second.at(b, i, access) : Number(Real(0));
  c.rowSum = access.load(net.rowSum + i);
  c.lag = {Number(net.lag[1]), Number(net.lag[0])};
  return c;
}

template <class Access, class Real>
HOST_DEVICE Circle<Loaded<Access, Real>> loadPair(Access access, const Real* pair, int64_t n) {
  return {access.load(pair + n), access.load(pair)};
}
template <class Access, class Real>
HOST_DEVICE void storePair(Access access, Real* pair, int64_t n,
                           Circle<Loaded<Access, Real>> value) {
  access.store(pair, value.cosine);
  access.store(pair + n, value.sine);
}

}  // namespace entrain::inline ENTRAIN_ISA

#include "simt/block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "simt/executor.h"

SIMT_THREAD_LOCAL uint3 threadIdx = {0, 0, 0};
SIMT_THREAD_LOCAL uint3 blockIdx = {0, 0, 0};
SIMT_THREAD_LOCAL dim3 blockDim = {};
SIMT_THREAD_LOCAL dim3 gridDim = {};

namespace simt {

namespace {

SIMT_THREAD_LOCAL Thread* current = nullptr;

std::string describe(uint3 index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," +
         std::to_string(index.z) + ")";
}

std::string describe(const Where& where) {
  const char* slash = std::strrchr(where.file_name(), '/');
  return std::string(slash ? slash + 1 : where.file_name()) + ":" + std::to_string(where.line());
}

std::string describe(const Thread& thread) {
  return "thread " + describe(thread.index) + " of block " + describe(thread.block->index);
}

bool isSamePlace(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

Thread& here(const char* what) {
  if (!current) {
    std::fprintf(stderr, "simt: %s outside a kernel\n", what);
    std::abort();
  }
  return *current;
}

// Unwinds a thread that failed.
struct Abandoned {};

void wait(Thread& thread, const char* name, const Where& where) {
  thread.waitsAt = name;
  thread.where = where;
  thread.fiber.suspend();
}

}  // namespace

unsigned char* sharedMemory() {
  return here("shared memory").block->shared.data();
}

int lane() {
  return here("a warp function").lane;
}

unsigned liveLanes() {
  const Warp& warp = *here("a warp function").warp;
  return warp.members & ~warp.returned;
}

void fail(const std::string& report) {
  Thread& thread = here("a failing check");
  thread.block->executor->setFailure(report + " [" + describe(thread) + "]");
  throw Abandoned{};
}

void yieldThread() {
  Thread& thread = here("a pause");
  thread.block->executor->noteYield();
  thread.block->executor->makeReady(thread);
  wait(thread, "__nanosleep", Where::current());
}

int blockBarrier(Vote vote, int predicate, Where where) {
  Thread& thread = here("__syncthreads");
  Block& block = *thread.block;
  Barrier& barrier = block.barrier;
  if (block.returned > 0) {
    fail("__syncthreads at " + describe(where) + " is reached after " +
         std::to_string(block.returned) + " threads of the block have returned");
  }
  if (barrier.arrived == 0) {
    barrier.where = where;
    barrier.vote = vote;
    barrier.holding = 0;
  } else if (barrier.vote != vote || !isSamePlace(barrier.where, where)) {
    fail("__syncthreads at " + describe(where) + " while other threads of the block wait at " +
         describe(barrier.where));
  }
  barrier.holding += predicate != 0 ? 1 : 0;
  if (++barrier.arrived < int(block.threads.size())) {
    wait(thread, "__syncthreads", where);
    return thread.vote;
  }
  int result = barrier.holding;
  if (vote == Vote::all) result = barrier.holding == barrier.arrived;
  if (vote == Vote::any) result = barrier.holding > 0;
  barrier.arrived = 0;
  for (Thread& other : block.threads) {
    other.vote = result;
    if (&other != &thread) block.executor->release(other);
  }
  block.executor->flushReleased();
  return result;
}

void gridBarrier(Where where) {
  Thread& thread = here("a grid barrier");
  Executor& owner = *thread.block->executor;
  if (!owner.isCooperative()) fail("a grid barrier in a launch that is not cooperative");
  if (owner.returned() > 0) {
    fail("a grid barrier at " + describe(where) + " is reached after " +
         std::to_string(owner.returned()) + " threads have returned");
  }
  if (owner.arriveAtGrid() < owner.threadCount()) return wait(thread, "the grid barrier", where);
  owner.releaseGrid(thread);
}

void warpExchange(unsigned mask, const char* name, void* payload, Complete complete, Where where) {
  Thread& thread = here(name);
  Warp& warp = *thread.warp;
  const unsigned own = 1u << thread.lane;
  const auto text = [&] { return std::string(name) + " at " + describe(where); };
  if (!(mask & own)) fail(text() + ": the mask lacks the calling lane");
  if (mask & ~warp.members) fail(text() + ": the mask names lanes that the block does not have");
  if (mask & warp.returned) fail(text() + ": the mask names lanes that have returned");

  Exchange* exchange = nullptr;
  for (Exchange& candidate : warp.exchanges) {
    if (candidate.mask == mask) exchange = &candidate;
  }
  if (!exchange) {
    warp.exchanges.emplace_back();
    exchange = &warp.exchanges.back();
    exchange->mask = mask;
    exchange->name = name;
    exchange->where = where;
  } else if (std::strcmp(exchange->name, name) != 0) {
    fail(text() + " while other lanes of its mask wait at " + exchange->name + " at " +
         describe(exchange->where));
  }
  exchange->arrived |= own;
  exchange->payloads[thread.lane] = payload;
  if (exchange->arrived != mask) return wait(thread, name, where);

  if (complete) complete(exchange->payloads, mask);
  *exchange = warp.exchanges.back();
  warp.exchanges.pop_back();
  Executor& owner = *thread.block->executor;
  for (unsigned rest = mask & ~own; rest; rest &= rest - 1) {
    owner.release(*warp.lanes[__builtin_ctz(rest)]);
  }
  owner.flushReleased();
}

// ---- the scheduler ----

void Executor::runThread() {
  Thread& thread = *current;
  thread.fiber.enter();
  try {
    (*thread.block->executor->kernel_)();
  } catch (const Abandoned&) {
  }
  thread.isDone = true;
  thread.fiber.finish();
}

void Executor::resume(Thread& thread) {
  current = &thread;
  threadIdx = thread.index;
  blockIdx = thread.block->index;
  if (!thread.isStarted) {
    thread.isStarted = true;
    thread.fiber.start(stacks_.take(), runThread);
  }
  thread.waitsAt = nullptr;
  thread.fiber.resume();
  current = nullptr;
  if (thread.isDone) noteReturn(thread);
}

void Executor::noteReturn(Thread& thread) {
  stacks_.give(thread.fiber.stack());
  ++returned_;
  ++thread.block->returned;
  progress();
  Warp& warp = *thread.warp;
  warp.returned |= 1u << thread.lane;
  const Barrier& barrier = thread.block->barrier;
  if (barrier.arrived > 0) {
    setFailure("a thread returned while others wait at __syncthreads at " +
               describe(barrier.where) + " [" + describe(thread) + "]");
  }
  for (const Exchange& exchange : warp.exchanges) {
    if (exchange.mask >> thread.lane & 1u) {
      setFailure("a lane returned while others of its mask wait at " + std::string(exchange.name) +
                 " at " + describe(exchange.where) + " [" + describe(thread) + "]");
    }
  }
  if (gridArrived_ > 0) {
    setFailure("a thread returned while others wait at the grid barrier [" + describe(thread) +
               "]");
  }
}

std::string Executor::deadlock() const {
  std::string report = "deadlock:";
  int places = 0;
  std::vector<const Thread*> seen;
  for (const auto& block : blocks_) {
    if (!block->isActive) continue;
    for (const Thread& thread : block->threads) {
      if (thread.isDone || !thread.waitsAt) continue;
      const bool isKnown = std::any_of(seen.begin(), seen.end(), [&](const Thread* other) {
        return other->waitsAt == thread.waitsAt && isSamePlace(other->where, thread.where);
      });
      if (isKnown || ++places > 4) continue;
      seen.push_back(&thread);
      report += std::string(places > 1 ? "; " : " ") + describe(thread) + " waits at " +
                thread.waitsAt + " at " + describe(thread.where);
    }
  }
  return report;
}

void Executor::prepareBlock(Block& block, const LaunchShape& shape, int64_t number) {
  block.executor = this;
  block.isActive = true;
  block.index = {unsigned(number % shape.grid.x), unsigned(number / shape.grid.x % shape.grid.y),
                 unsigned(number / (int64_t(shape.grid.x) * shape.grid.y))};
  block.returned = 0;
  block.barrier = {};
  block.shared.resize(shape.sharedBytes);
  const int count = int(shape.block.x * shape.block.y * shape.block.z);
  block.threads.resize(size_t(count));
  block.warps.resize(size_t(count + kWarpLanes - 1) / kWarpLanes);
  for (Warp& warp : block.warps) {
    warp.members = warp.returned = 0;
    warp.exchanges.clear();
  }
  uint3 index = {0, 0, 0};
  for (int i = 0; i < count; ++i) {
    Thread& thread = block.threads[size_t(i)];
    thread.block = &block;
    thread.warp = &block.warps[size_t(i / kWarpLanes)];
    thread.lane = i % kWarpLanes;
    thread.index = index;
    thread.isStarted = thread.isDone = false;
    thread.waitsAt = nullptr;
    thread.warp->members |= 1u << thread.lane;
    thread.warp->lanes[thread.lane] = &thread;
    if (++index.x == shape.block.x) {
      index.x = 0;
      if (++index.y == shape.block.y) index.y = 0, ++index.z;
    }
    release(thread);
  }
}

void Executor::runGroup(int64_t first, int64_t count, const LaunchShape& shape) {
  while (int64_t(blocks_.size()) < count) blocks_.push_back(std::make_unique<Block>());
  const int64_t threads = int64_t(shape.block.x) * shape.block.y * shape.block.z;
  threadCount_ = threads * count;
  returned_ = gridArrived_ = 0;
  queue_.reset(size_t(threadCount_));
  for (int64_t i = 0; i < count; ++i) prepareBlock(*blocks_[size_t(i)], shape, first + i);
  flushReleased();
  progress();
  while (returned_ < threadCount_ && failure_.empty()) {
    if (queue_.isEmpty()) {
      setFailure(deadlock());
    } else {
      resume(*queue_.pop());
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    Block& block = *blocks_[size_t(i)];
    for (const Thread& thread : block.threads) {
      if (thread.isStarted && !thread.isDone) stacks_.give(thread.fiber.stack());
    }
    if (!block.shared.isIntact()) {
      setFailure("a write outside the " + std::to_string(shape.sharedBytes) +
                 " bytes of shared memory of block " + describe(block.index));
    }
    block.isActive = false;
  }
  released_.clear();
}

std::string Executor::run(const LaunchShape& shape, const std::function<void()>& kernel) {
  kernel_ = &kernel;
  isCooperative_ = shape.isCooperative;
  failure_.clear();
  blockDim = shape.block;
  gridDim = shape.grid;
  const int64_t blocks = int64_t(shape.grid.x) * shape.grid.y * shape.grid.z;
  const int64_t group = isCooperative_ ? blocks : 1;
  for (int64_t i = 0; i < blocks && failure_.empty(); i += group) {
    const int64_t first = order_.schedule == Schedule::reverse ? blocks - group - i : i;
    runGroup(first, group, shape);
  }
  return failure_;
}

std::string runGrid(const LaunchShape& shape, const std::function<void()>& kernel) {
  static thread_local std::unique_ptr<Executor> owned;
  if (!owned) owned = std::make_unique<Executor>();
  return owned->run(shape, kernel);
}

}  // namespace simt

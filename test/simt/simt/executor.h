// The state of a running grid: threads, warps, blocks, and the queue of threads that can go on.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "simt/block.h"
#include "simt/fiber.h"
#include "simt/guarded.h"

namespace simt {

class Executor;
struct Block;
struct Warp;

struct Thread {
  Fiber fiber;
  uint3 index = {0, 0, 0};
  Block* block = nullptr;
  Warp* warp = nullptr;
  int lane = 0;
  int vote = 0;
  bool isStarted = false, isDone = false;
  const char* waitsAt = nullptr;
  Where where;
};

// Lanes of one mask that are gathering.
struct Exchange {
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  Where where;
  void* payloads[kWarpLanes] = {};
};

struct Warp {
  unsigned members = 0, returned = 0;  // bits of lanes
  Thread* lanes[kWarpLanes] = {};
  std::vector<Exchange> exchanges;
};

struct Barrier {
  int arrived = 0, holding = 0;
  Vote vote = Vote::none;
  Where where;
};

struct Block {
  Executor* executor = nullptr;
  bool isActive = false;
  uint3 index = {0, 0, 0};
  int returned = 0;
  Barrier barrier;
  GuardedMemory shared;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
};

enum class Schedule { forward, reverse, random };

// The order in which released threads go on, from the environment.
struct Order {
  Schedule schedule = Schedule::forward;
  uint64_t state = 0;

  Order() {
    const char* name = std::getenv("ENTRAIN_SIMT_SCHEDULE");
    if (name && std::strcmp(name, "reverse") == 0) schedule = Schedule::reverse;
    if (name && std::strcmp(name, "random") == 0) schedule = Schedule::random;
    const char* seed = std::getenv("ENTRAIN_SIMT_SEED");
    state = seed ? std::strtoull(seed, nullptr, 10) : 1;
    state = state * 2 + 1;
  }
  uint64_t below(uint64_t bound) {  // xorshift64*, Vigna 2016
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return ((state * 0x2545f4914f6cdd1dull) >> 32) % bound;
  }
};

// A ring; a thread stands in it at most once.
class ReadyQueue {
 public:
  void reset(size_t capacity) {
    ring_.resize(capacity + 1);
    head_ = tail_ = 0;
  }
  bool isEmpty() const { return head_ == tail_; }
  void push(Thread* thread) {
    ring_[tail_] = thread;
    if (++tail_ == ring_.size()) tail_ = 0;
  }
  Thread* pop() {
    Thread* thread = ring_[head_];
    if (++head_ == ring_.size()) head_ = 0;
    return thread;
  }

 private:
  std::vector<Thread*> ring_;
  size_t head_ = 0, tail_ = 0;
};

class Executor {
 public:
  std::string run(const LaunchShape& shape, const std::function<void()>& kernel);

  bool isCooperative() const { return isCooperative_; }
  int64_t returned() const { return returned_; }
  int64_t threadCount() const { return threadCount_; }
  int64_t arriveAtGrid() { return ++gridArrived_; }
  void releaseGrid(Thread& last) {
    gridArrived_ = 0;
    for (auto& block : blocks_) {
      if (!block->isActive) continue;
      for (Thread& thread : block->threads) {
        if (&thread != &last) release(thread);
      }
    }
    flushReleased();
  }

  // The first failure of a launch is the one that is told.
  void setFailure(const std::string& report) {
    if (failure_.empty()) failure_ = report;
  }
  void makeReady(Thread& thread) { queue_.push(&thread); }
  // Collects threads that may go on; flushReleased() puts them in the order of the schedule.
  void release(Thread& thread) { released_.push_back(&thread); }
  void flushReleased() {
    progress();
    const size_t count = released_.size();
    if (order_.schedule == Schedule::random) {
      for (size_t i = count; i > 1; --i) std::swap(released_[i - 1], released_[order_.below(i)]);
    }
    const bool isReverse = order_.schedule == Schedule::reverse;
    for (size_t i = 0; i < count; ++i) {
      queue_.push(released_[isReverse ? count - 1 - i : i]);
    }
    released_.clear();
  }
  // Threads that only pause for long enough are a livelock.
  void noteYield() {
    if (++pauses_ > kMaximumPauses) setFailure("livelock: threads only pause");
  }
  void progress() { pauses_ = 0; }

 private:
  static constexpr int64_t kMaximumPauses = 20'000'000;

  static void runThread();
  void resume(Thread& thread);
  void noteReturn(Thread& thread);
  void prepareBlock(Block& block, const LaunchShape& shape, int64_t number);
  void runGroup(int64_t first, int64_t count, const LaunchShape& shape);
  std::string deadlock() const;

  StackPool stacks_;
  std::vector<std::unique_ptr<Block>> blocks_;
  ReadyQueue queue_;
  std::vector<Thread*> released_;
  Order order_;
  const std::function<void()>* kernel_ = nullptr;
  std::string failure_;
  bool isCooperative_ = false;
  int64_t threadCount_ = 0, returned_ = 0, gridArrived_ = 0, pauses_ = 0;
};

}  // namespace simt

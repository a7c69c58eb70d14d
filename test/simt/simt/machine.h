// What the parts of the emulated runtime share: the machine it pretends to be, errors, memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "simt/runtime_api.h"

namespace simt {

struct Machine {
  int driver, devices, capability;  // capability: 10 major + minor
  size_t memory;                    // bytes
  size_t sharedOptIn, sharedPerMultiprocessor;
  int multiprocessors = 4;  // few, so that cooperative grids stay small
  int blocksPerMultiprocessor = 2;
};
const Machine& machine();

// ---- errors ----

// Remembers `error` for cudaGetLastError; a failed launch overrides success for ever.
cudaError_t note(cudaError_t error);
// A launch has failed: nothing runs any more.
void breakDown(const std::string& report);
bool isBroken();

// ---- memory ----

enum class Place { host, device, pinned, outside };  // outside: crosses the end of an allocation
Place placeOf(const void* memory, size_t bytes);
// Compares the guard zones of all device memory; returns what is wrong, or nothing.
std::string checkGuards();
cudaError_t releaseMemory(void* memory, Place place);

// ---- queues ----

class Stream {
 public:
  Stream();
  // Runs what is queued first.
  ~Stream();
  void push(std::function<void()> task);
  void drain();
  bool isIdle();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool isBusy_ = false, isClosing_ = false;
  std::thread worker_;
};

// The stream itself, or the default one for null.
Stream& resolve(cudaStream_t stream);
void drainAll();

}  // namespace simt

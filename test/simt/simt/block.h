// The core of the emulator: threads of a block as fibers, barriers, and exchanges inside a warp.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

#include "simt/types.h"

// Set at every change of fiber. The initial-exec model makes them as cheap as a register read.
#define SIMT_THREAD_LOCAL constinit thread_local __attribute__((tls_model("initial-exec")))
extern SIMT_THREAD_LOCAL uint3 threadIdx;
extern SIMT_THREAD_LOCAL uint3 blockIdx;
extern SIMT_THREAD_LOCAL dim3 blockDim;
extern SIMT_THREAD_LOCAL dim3 gridDim;
constexpr int warpSize = 32;

namespace simt {

using Where = std::source_location;
constexpr int kWarpLanes = 32;
constexpr int kMaximumThreads = 1024;

struct LaunchShape {
  dim3 grid, block;
  size_t sharedBytes = 0;
  bool isCooperative = false;
};

// Runs a grid on this OS thread; returns what went wrong, or nothing.
std::string runGrid(const LaunchShape& shape, const std::function<void()>& kernel);

// ---- called by the threads of a kernel ----

unsigned char* sharedMemory();
int lane();
unsigned liveLanes();

enum class Vote { none, count, all, any };
int blockBarrier(Vote vote, int predicate, Where where);
void gridBarrier(Where where);

// Waits until all lanes of `mask` have come with the same `name`; the last one calls `complete`
// with what each lane brought (null for lanes outside the mask) before any of them goes on.
using Complete = void (*)(void* const* payloads, unsigned mask);
void warpExchange(unsigned mask, const char* name, void* payload, Complete complete, Where where);

// Lets the other threads run.
void yieldThread();

// Ends the launch with a report.
[[noreturn]] void fail(const std::string& report);

}  // namespace simt

// A stand-in for the CUDA language and runtime: with this folder first in the include path, the
// files cuda/*.cu compile as host C++ and every kernel runs on the CPU, slowly and under watch. It
// is a test tool.
//
// How it behaves
//   The threads of a block are fibers; blocks run one after another, those of a cooperative launch
//   together. A stream is a queue with a thread of its own, so the host runs on while kernels run.
//   Fibers change only at barriers, shuffles, votes and __nanosleep. Between them each thread runs
//   alone, so a missing barrier shows as stale data in at least one of the schedules: set
//   ENTRAIN_SIMT_SCHEDULE to forward (default), reverse or random (ENTRAIN_SIMT_SEED).
// What it reports, as cudaErrorLaunchFailure with a text from cudaGetErrorString
//   A thread that returns, waits elsewhere or comes from another line while others wait at a
//   barrier; a shuffle or vote whose mask lacks the caller or names a lane that is gone; a
//   deadlock; a write outside device or shared memory (by guard zones; with AddressSanitizer also a
//   read, at once and with the line); a write to freed memory. New memory, device or shared, is
//   filled with 0xff, which is NaN in every float type; so is a value shuffled from an absent lane.
// What it is stricter in than the hardware
//   Threads may not return before a barrier that others still reach; all threads of a block reach a
//   barrier on the same line; masks name only lanes that exist.
// What it does not do
//   __shared__ variables (use sharedMemory<T>()), texture and constant memory, inline PTX, dynamic
//   parallelism, clusters, more than one grid of a stream at a time, memory-ordering bugs between
//   blocks, the timing of anything. __activemask() gives all lanes that have not returned. A thread
//   that spins without __nanosleep() hangs. Tensor cores sum in order with fma.
// The machine it pretends to be (environment)
//   ENTRAIN_SIMT_CAPABILITY=90 (any listed in device.cpp), ENTRAIN_SIMT_DEVICES=1,
//   ENTRAIN_SIMT_DRIVER=13000 (0: no driver), ENTRAIN_SIMT_MEMORY=bytes (default 4 GiB).
#pragma once

#ifndef ENTRAIN_SIMT
#define ENTRAIN_SIMT 1
#endif

#include "simt/language.h"
#include "simt/runtime_api.h"

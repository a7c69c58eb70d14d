// The CPU as a device: an ordered queue served by one thread that drives the pool, and memory that
// is kept for reuse.
#pragma once

#include <memory>

#include "ops/stream.h"

namespace entrain::runtime {

std::unique_ptr<Stream> openCpuStream();

}  // namespace entrain::runtime

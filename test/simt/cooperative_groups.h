// The grid of a cooperative launch.
#pragma once

#include "cuda_runtime.h"

namespace cooperative_groups {

class grid_group {
 public:
  void sync(simt::Where where = simt::Where::current()) const { simt::gridBarrier(where); }
};

inline grid_group this_grid() {
  return {};
}

}  // namespace cooperative_groups

// Device buffers of one JavaScript environment, known to JavaScript by a number: slot + generation
// · 2^32. A number whose buffer was disposed is recognised, whatever lives in the slot now, so no
// pointer ever crosses the boundary and a stale handle cannot reach memory.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/dtype.h"
#include "ops/stream.h"

namespace entrain::binding {

struct Buffer {
  void* data = nullptr;
  int64_t length = 0;  // elements
  Dtype dtype = Dtype::float32;
  int device = 0;
  runtime::Stream* stream = nullptr;
  uint32_t generation = 0;

  int64_t bytes() const { return length * dtypeSize(dtype); }
};

class Buffers {
 public:
  double add(Buffer buffer);
  // The buffer of a handle, or null when it was disposed or never existed.
  const Buffer* find(double handle) const;
  void remove(double handle);
  template <class Visitor>
  void forEach(const Visitor& visitor) const {
    for (const Buffer& buffer : slots_) {
      if (buffer.stream) visitor(buffer);
    }
  }

 private:
  std::vector<Buffer> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace entrain::binding

// Memory with guard zones, aligned to 256 bytes: what lies outside is poisoned for
// AddressSanitizer, or holds a pattern that isIntact() compares.
#pragma once

#include <cstdlib>
#include <cstring>

#include "simt/fiber.h"

#if SIMT_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace simt {

constexpr size_t kGuardBytes = 256;
constexpr unsigned char kGuardByte = 0xa5;
constexpr unsigned char kFreshByte = 0xff;  // NaN in all float types

class GuardedMemory {
 public:
  GuardedMemory() = default;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() { reset(); }

  unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

  // Fresh memory of a size; false where the system has none.
  bool resize(size_t size) {
    if (!base_ || size != size_) {
      reset();
      const size_t total = kGuardBytes + size + kGuardBytes;
      void* memory = nullptr;
      if (posix_memalign(&memory, kGuardBytes, total) != 0) return false;
      base_ = static_cast<unsigned char*>(memory);
      data_ = base_ + kGuardBytes;
      size_ = size;
    }
    repair();
    return true;
  }

  // Makes contents and guard zones as they were.
  void repair() {
#if SIMT_ASAN
    __asan_poison_memory_region(base_, kGuardBytes);
    __asan_poison_memory_region(data_ + size_, kGuardBytes);
#else
    std::memset(base_, kGuardByte, kGuardBytes);
    std::memset(data_ + size_, kGuardByte, kGuardBytes);
#endif
    std::memset(data_, kFreshByte, size_);
  }

  void reset() {
    if (!base_) return;
#if SIMT_ASAN
    __asan_unpoison_memory_region(base_, kGuardBytes + size_ + kGuardBytes);
#endif
    std::free(base_);
    base_ = data_ = nullptr;
    size_ = 0;
  }

  bool isIntact() const {
#if !SIMT_ASAN
    if (!base_) return true;
    return holdsOnly(base_, kGuardByte, kGuardBytes) &&
           holdsOnly(data_ + size_, kGuardByte, kGuardBytes);
#else
    return true;  // a bad access has already stopped the program
#endif
  }
  // Whether freed memory still looks fresh.
  bool isUntouched() const {
    return holdsOnly(data_, kFreshByte, size_);
  }

 private:
  static bool holdsOnly(const unsigned char* bytes, unsigned char value, size_t count) {
    return count == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, count - 1) == 0);
  }

  unsigned char* base_ = nullptr;
  unsigned char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace simt

// A length of elements somewhere in a device's memory; `View<const T>` is read, `View<T>` written.
#pragma once

#include <cstdint>

#include "ops/host_device.h"

namespace entrain::inline ENTRAIN_ISA {

template <class T>
struct View {
  T* data = nullptr;
  int64_t length = 0;

  HOST_DEVICE T& operator[](int64_t i) const { return data[i]; }
  // An optional argument that was not given is a view of nothing.
  HOST_DEVICE explicit operator bool() const { return data != nullptr; }
};

}  // namespace entrain::inline ENTRAIN_ISA

// 16-byte accesses: whether addresses allow them, and loads and stores of some neighbouring
// elements that fall back to single ones at the end of an array.
#pragma once

#include "cuda/elementwise.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

template <class... T>
bool areAligned(const T*... data) {
  return ((reinterpret_cast<uintptr_t>(data) % 16 == 0) && ...);
}

// Calls body of a compile-time integer: the elements in 16 bytes where `aligned`, else 1.
template <class T, class Body>
void withPackLength(bool aligned, const Body& body) {
  if (aligned) {
    body(std::integral_constant<int, kPackLength<T>>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

template <int kCount, class T>
__device__ __forceinline__ Pack<T, kCount> loadPack(const T* from) {
  return *reinterpret_cast<const Pack<T, kCount>*>(from);
}
template <int kCount, class T>
__device__ __forceinline__ void storePack(T* to, const Pack<T, kCount>& pack) {
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda

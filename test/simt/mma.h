// nvcuda::wmma for 16x16x16 products: each lane holds 8 elements of a tile, the last lane of a warp
// to come computes for all. Sums run over the depth in order, with fma in float32.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int kRows, int kColumns, int kDepth, class T, class Layout = void>
struct fragment {
  static_assert(kRows == 16 && kColumns == 16 && kDepth == 16, "tiles are 16x16x16");
  static_assert(std::is_same_v<T, float> == std::is_same_v<Use, accumulator>,
                "half-type factors, float sums");
  static constexpr int num_elements = 8;
  T x[num_elements];  // element i of lane l is number 32 i + l of the tile, row by row
};

}  // namespace nvcuda::wmma

namespace simt {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kTile = 16;

inline float widen(__half x) {
  return __half2float(x);
}
inline float widen(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

template <class T>
void checkTile(const T* memory, unsigned stride, const char* name) {
  if (reinterpret_cast<uintptr_t>(memory) % 32 != 0) {
    fail(std::string(name) + ": the tile's address is not a multiple of 32 bytes");
  }
  if (stride * sizeof(T) % 16 != 0) {
    fail(std::string(name) + ": the leading dimension is not a multiple of 16 bytes");
  }
}

template <class A, class B>
struct ProductLane {
  float* sums;
  const A* left;
  const B* right;
  const float* initial;
};

template <class A, class B>
void completeProduct(void* const* payloads, unsigned) {
  using Lane = ProductLane<A, B>;
  float left[kTile][kTile], right[kTile][kTile], sums[kTile][kTile];
  for (int n = 0; n < kTile * kTile; ++n) {
    const Lane& lane = *static_cast<const Lane*>(payloads[n % kWarpLanes]);
    left[n / kTile][n % kTile] = widen(lane.left[n / kWarpLanes]);
    right[n / kTile][n % kTile] = widen(lane.right[n / kWarpLanes]);
    sums[n / kTile][n % kTile] = lane.initial[n / kWarpLanes];
  }
  for (int row = 0; row < kTile; ++row) {
    for (int depth = 0; depth < kTile; ++depth) {
      for (int column = 0; column < kTile; ++column) {
        sums[row][column] =
            __builtin_fmaf(left[row][depth], right[depth][column], sums[row][column]);
      }
    }
  }
  for (int n = 0; n < kTile * kTile; ++n) {
    const Lane& lane = *static_cast<const Lane*>(payloads[n % kWarpLanes]);
    lane.sums[n / kWarpLanes] = sums[n / kTile][n % kTile];
  }
}

}  // namespace simt

namespace nvcuda::wmma {

template <class Use, class T, class Layout>
void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& tile, const T* from, unsigned stride,
                      simt::Where where = simt::Where::current()) {
  simt::checkTile(from, stride, "load_matrix_sync");
  simt::warpExchange(simt::kAllLanes, "load_matrix_sync", nullptr, nullptr, where);
  constexpr bool kIsRowMajor = std::is_same_v<Layout, row_major>;
  for (int i = 0; i < tile.num_elements; ++i) {
    const int n = i * simt::kWarpLanes + simt::lane(), row = n / 16, column = n % 16;
    tile.x[i] =
        kIsRowMajor ? from[row * int64_t(stride) + column] : from[column * int64_t(stride) + row];
  }
}

inline void load_matrix_sync(fragment<accumulator, 16, 16, 16, float>& tile, const float* from,
                             unsigned stride, layout_t layout,
                             simt::Where where = simt::Where::current()) {
  simt::checkTile(from, stride, "load_matrix_sync");
  simt::warpExchange(simt::kAllLanes, "load_matrix_sync", nullptr, nullptr, where);
  for (int i = 0; i < tile.num_elements; ++i) {
    const int n = i * simt::kWarpLanes + simt::lane(), row = n / 16, column = n % 16;
    tile.x[i] = layout == mem_row_major ? from[row * int64_t(stride) + column]
                                        : from[column * int64_t(stride) + row];
  }
}

inline void store_matrix_sync(float* to, const fragment<accumulator, 16, 16, 16, float>& tile,
                              unsigned stride, layout_t layout,
                              simt::Where where = simt::Where::current()) {
  simt::checkTile(to, stride, "store_matrix_sync");
  simt::warpExchange(simt::kAllLanes, "store_matrix_sync", nullptr, nullptr, where);
  for (int i = 0; i < tile.num_elements; ++i) {
    const int n = i * simt::kWarpLanes + simt::lane(), row = n / 16, column = n % 16;
    float& place = layout == mem_row_major ? to[row * int64_t(stride) + column]
                                           : to[column * int64_t(stride) + row];
    place = tile.x[i];
  }
}

template <class Use, class T, class Layout>
void fill_fragment(fragment<Use, 16, 16, 16, T, Layout>& tile, const T& value) {
  for (T& element : tile.x) element = value;
}

template <class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, 16, 16, 16, float>& sums,
              const fragment<matrix_a, 16, 16, 16, T, LayoutA>& left,
              const fragment<matrix_b, 16, 16, 16, T, LayoutB>& right,
              const fragment<accumulator, 16, 16, 16, float>& initial,
              simt::Where where = simt::Where::current()) {
  simt::ProductLane<T, T> own{sums.x, left.x, right.x, initial.x};
  simt::warpExchange(simt::kAllLanes, "mma_sync", &own, simt::completeProduct<T, T>, where);
}

}  // namespace nvcuda::wmma

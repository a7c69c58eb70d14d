// The matrix unit of a warp: C (16, 16) += A (16, 16) B (16, 16), half-type factors, float32 sums.
// A thin wrapper over nvcuda::wmma, so that a tensor-core product is written once; the emulator
// stands in for wmma itself. The order of summation inside one product is the hardware's: fixed on
// one device, not equal between devices.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

constexpr int kMatrixTile = 16;  // rows, columns and depth of one product
// Tiles start at multiples of 32 bytes and leading dimensions are multiples of 8 factors (16 bytes)
// or 4 sums (16 bytes).
constexpr int kMatrixAlignment = 32;

// Whether the device multiplies this storage type: float16 from 7.0, bfloat16 from 8.0.
template <class Storage>
bool hasMatrixUnit(const Context& context) {
  if constexpr (std::is_same_v<Storage, bfloat16>) return context.computeCapability >= 80;
  return std::is_same_v<Storage, float16>;
}

struct RowMajor {
  using Layout = nvcuda::wmma::row_major;
};
struct ColumnMajor {
  using Layout = nvcuda::wmma::col_major;
};

template <class Storage>
struct MatrixFactor;
template <>
struct MatrixFactor<float16> {
  using type = __half;
  static constexpr bool isCompiled = true;
};
template <>
struct MatrixFactor<bfloat16> {
  using type = __nv_bfloat16;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  static constexpr bool isCompiled = false;  // hasMatrixUnit() tells the host not to come here
#else
  static constexpr bool isCompiled = true;
#endif
};

// A tile of the left (kIsLeft) or right factor, spread over the lanes of a warp in an unknown way.
template <class Storage, bool kIsLeft, class Order, bool = MatrixFactor<Storage>::isCompiled>
struct FactorTile {
  using Factor = typename MatrixFactor<Storage>::type;
  using Side = std::conditional_t<kIsLeft, nvcuda::wmma::matrix_a, nvcuda::wmma::matrix_b>;
  nvcuda::wmma::fragment<Side, 16, 16, 16, Factor, typename Order::Layout> fragment;

  // `stride`: elements from one row (RowMajor) or column (ColumnMajor) to the next.
  __device__ __forceinline__ void load(const Storage* from, int stride) {
    nvcuda::wmma::load_matrix_sync(fragment, reinterpret_cast<const Factor*>(from),
                                   unsigned(stride));
  }
};
template <class Storage, bool kIsLeft, class Order>
struct FactorTile<Storage, kIsLeft, Order, false> {
  __device__ __forceinline__ void load(const Storage*, int) { __trap(); }
};

template <class Storage, class Order = RowMajor>
using LeftTile = FactorTile<Storage, true, Order>;
template <class Storage, class Order = RowMajor>
using RightTile = FactorTile<Storage, false, Order>;

struct SumTile {
  nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> fragment;

  __device__ __forceinline__ void fill(float value) {
    nvcuda::wmma::fill_fragment(fragment, value);
  }
  __device__ __forceinline__ void load(const float* from, int stride) {
    nvcuda::wmma::load_matrix_sync(fragment, from, unsigned(stride), nvcuda::wmma::mem_row_major);
  }
  __device__ __forceinline__ void store(float* to, int stride) const {
    nvcuda::wmma::store_matrix_sync(to, fragment, unsigned(stride), nvcuda::wmma::mem_row_major);
  }
  // this += left * right
  template <class Storage, class LeftOrder, class RightOrder>
  __device__ __forceinline__ void multiplyAdd(const LeftTile<Storage, LeftOrder>& left,
                                              const RightTile<Storage, RightOrder>& right) {
    if constexpr (MatrixFactor<Storage>::isCompiled) {
      nvcuda::wmma::mma_sync(fragment, left.fragment, right.fragment, fragment);
    } else {
      __trap();
    }
  }
  // Applies `function` to every sum; which lane holds which is unknown.
  template <class Function>
  __device__ __forceinline__ void apply(const Function& function) {
#pragma unroll
    for (int i = 0; i < int(fragment.num_elements); ++i) fragment.x[i] = function(fragment.x[i]);
  }
};

}  // namespace entrain::inline ENTRAIN_ISA::cuda

// Marks functions that both back ends compile (RARE: kept out of line), and names the
// instruction-set copy a file belongs to.
#pragma once

#if defined(__CUDACC__)
#define HOST_DEVICE __host__ __device__ __forceinline__
#define HOST_DEVICE_RARE __host__ __device__ __noinline__ inline
#else
#define HOST_DEVICE inline __attribute__((always_inline))
#define HOST_DEVICE_RARE inline __attribute__((noinline))
#endif

// cpu/ and ops/ are compiled once for each x86-64 level; every copy has an inline namespace of its
// own, because the linker would otherwise merge equal inline functions across levels and a machine
// without AVX-512 would run the AVX-512 one.
#ifndef ENTRAIN_ISA
#define ENTRAIN_ISA baseline
#endif

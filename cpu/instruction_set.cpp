#include "cpu/instruction_set.h"

#include <cstdlib>
#include <cstring>

namespace entrain {

// Each copy's cpu/table.cpp.
#define ENTRAIN_DECLARE_COPY(isa)                              \
  inline namespace isa {                                       \
  namespace cpu {                                              \
  runtime::CpuKernel kernel(int32_t operation, int32_t dtype); \
  }                                                            \
  }
ENTRAIN_DECLARE_COPY(v2)
ENTRAIN_DECLARE_COPY(v3)
ENTRAIN_DECLARE_COPY(v4)
ENTRAIN_DECLARE_COPY(baseline)

namespace runtime {

namespace {

struct Copy {
  const char* name;
  CpuKernel (*kernel)(int32_t operation, int32_t dtype);
  bool runsHere;
};

#if defined(__x86_64__)
#define ENTRAIN_RUNS(level) bool(__builtin_cpu_supports(level))
#else
#define ENTRAIN_RUNS(level) false
#endif

// The compiled copies, best first.
constexpr int kCopies = 4;
int listCopies(Copy (&copies)[kCopies]) {
  int count = 0;
#if defined(ENTRAIN_COPY_v4)
  copies[count++] = {"v4", v4::cpu::kernel, ENTRAIN_RUNS("x86-64-v4")};
#endif
#if defined(ENTRAIN_COPY_v3)
  copies[count++] = {"v3", v3::cpu::kernel, ENTRAIN_RUNS("x86-64-v3")};
#endif
#if defined(ENTRAIN_COPY_v2)
  copies[count++] = {"v2", v2::cpu::kernel, ENTRAIN_RUNS("x86-64-v2")};
#endif
#if defined(ENTRAIN_COPY_baseline)
  copies[count++] = {"baseline", baseline::cpu::kernel, true};
#endif
  return count;
}

Copy choose() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  Copy copies[kCopies];
  const int count = listCopies(copies);
  const char* highest = std::getenv("ENTRAIN_INSTRUCTION_SET");
  bool allowed = highest == nullptr;
  for (int i = 0; i < count; ++i) {
    allowed = allowed || std::strcmp(copies[i].name, highest) == 0;
    if (allowed && copies[i].runsHere) return copies[i];
  }
  return {"none", [](int32_t, int32_t) -> CpuKernel { return nullptr; }, false};
}

const Copy& chosen() {
  static const Copy copy = choose();
  return copy;
}

}  // namespace

const char* instructionSet() {
  return chosen().name;
}

CpuKernel cpuKernel(int32_t operation, int32_t dtype) {
  return chosen().kernel(operation, dtype);
}

}  // namespace runtime
}  // namespace entrain

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
#if defined(ENTRAIN_X86_COPIES)
ENTRAIN_DECLARE_COPY(v2)
ENTRAIN_DECLARE_COPY(v3)
ENTRAIN_DECLARE_COPY(v4)
#else
ENTRAIN_DECLARE_COPY(baseline)
#endif

namespace runtime {

namespace {

struct Copy {
  const char* name;
  CpuKernel (*kernel)(int32_t operation, int32_t dtype);
  bool runsHere;
};

Copy choose() {
#if defined(ENTRAIN_X86_COPIES)
  __builtin_cpu_init();
  const Copy copies[] = {
      {"v4", v4::cpu::kernel, bool(__builtin_cpu_supports("x86-64-v4"))},
      {"v3", v3::cpu::kernel, bool(__builtin_cpu_supports("x86-64-v3"))},
      {"v2", v2::cpu::kernel, true},
  };
  const char* highest = std::getenv("ENTRAIN_INSTRUCTION_SET");
  bool allowed = highest == nullptr;
  for (const Copy& copy : copies) {
    allowed = allowed || std::strcmp(copy.name, highest) == 0;
    if (allowed && copy.runsHere) return copy;
  }
  return copies[2];
#else
  return {"baseline", baseline::cpu::kernel, true};
#endif
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

// cuBLASLt by dlopen, with the few types and numbers of its interface that are needed (cublasLt.h
// of CUDA 12 and 13, where they are the same). A row-major product is its column-major transpose:
// output^T = op(right)^T op(left)^T. float32 is never rounded to tf32. Not measured on a GPU yet.
#include "cuda/cublaslt.h"

#include <dlfcn.h>
#include <glob.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "cuda/launch.cuh"

namespace entrain::inline ENTRAIN_ISA::cuda {

namespace {

// ---- the library's interface ----

using Status = int;  // 0: success
using Handle = void*;
using Descriptor = void*;
using Layout = void*;
using Preference = void*;

struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspaceBytes;
  Status status;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

enum DataType : int { kFloat32 = 0, kFloat64 = 1, kFloat16 = 2, kBfloat16 = 14 };
enum ComputeType : int { kCompute32 = 68, kCompute64 = 70 };
enum DescriptorAttribute : int {
  kTransposeA = 3,
  kTransposeB = 4,
  kEpilogue = 7,
  kBiasPointer = 8,
  kBiasType = 26
};
enum PreferenceAttribute : int { kWorkspaceBytes = 1, kReductionSchemes = 3, kAlignmentA = 5 };
constexpr uint32_t kEpilogueBias = 4;
// Parts of the inner dimension are added by a second kernel, in the type of the sums.
constexpr uint32_t kReduceInComputeType = 2;
constexpr uint64_t kMostWorkspace = uint64_t(32) << 20;  // bytes
constexpr uint32_t kBestAlignment = 16;                  // bytes; views often begin at no more

struct Interface {
  Status (*create)(Handle*);
  Status (*descriptorCreate)(Descriptor*, ComputeType, DataType scale);
  Status (*descriptorDestroy)(Descriptor);
  Status (*descriptorSet)(Descriptor, DescriptorAttribute, const void*, size_t);
  Status (*layoutCreate)(Layout*, DataType, uint64_t rows, uint64_t columns, int64_t stride);
  Status (*layoutDestroy)(Layout);
  Status (*preferenceCreate)(Preference*);
  Status (*preferenceDestroy)(Preference);
  Status (*preferenceSet)(Preference, PreferenceAttribute, const void*, size_t);
  Status (*heuristic)(Handle, Descriptor, Layout a, Layout b, Layout c, Layout d, Preference,
                      int wanted, HeuristicResult*, int* found);
  Status (*multiply)(Handle, Descriptor, const void* alpha, const void* a, Layout, const void* b,
                     Layout, const void* beta, const void* c, Layout, void* d, Layout,
                     const Algorithm*, void* workspace, size_t workspaceBytes, cudaStream_t);
};

template <class Function>
bool find(void* library, const char* name, Function& function) {
  void* const symbol = dlsym(library, name);
  static_assert(sizeof function == sizeof symbol);
  memcpy(&function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

// ---- looking for it ----

void* openNamed(const std::string& folder) {
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    if (void* library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

void* openLibrary() {
  const char* wish = std::getenv("ENTRAIN_CUBLASLT");
  if (wish && std::strcmp(wish, "off") == 0) return nullptr;
  if (wish && *wish) return dlopen(wish, RTLD_NOW | RTLD_LOCAL);
  if (void* library = openNamed("")) return library;
  if (const char* home = std::getenv("CUDA_HOME")) {
    if (void* library = openNamed(std::string(home) + "/lib64/")) return library;
  }
  void* library = nullptr;
  glob_t folders = {};
  if (glob("/usr/local/cuda*/lib64", 0, nullptr, &folders) == 0) {
    for (size_t i = folders.gl_pathc; i > 0 && !library; --i) {  // the newest version stands last
      library = openNamed(std::string(folders.gl_pathv[i - 1]) + "/");
    }
  }
  globfree(&folders);
  return library;
}

// The library, or null; it stays open as long as the process lives.
const Interface* load() {
  static Interface functions = {};
  void* const library = openLibrary();
  if (!library) return nullptr;
  const bool isComplete =
      find(library, "cublasLtCreate", functions.create) &&
      find(library, "cublasLtMatmulDescCreate", functions.descriptorCreate) &&
      find(library, "cublasLtMatmulDescDestroy", functions.descriptorDestroy) &&
      find(library, "cublasLtMatmulDescSetAttribute", functions.descriptorSet) &&
      find(library, "cublasLtMatrixLayoutCreate", functions.layoutCreate) &&
      find(library, "cublasLtMatrixLayoutDestroy", functions.layoutDestroy) &&
      find(library, "cublasLtMatmulPreferenceCreate", functions.preferenceCreate) &&
      find(library, "cublasLtMatmulPreferenceDestroy", functions.preferenceDestroy) &&
      find(library, "cublasLtMatmulPreferenceSetAttribute", functions.preferenceSet) &&
      find(library, "cublasLtMatmulAlgoGetHeuristic", functions.heuristic) &&
      find(library, "cublasLtMatmul", functions.multiply);
  return isComplete ? &functions : nullptr;
}

// ---- plans ----

DataType dataTypeOf(Dtype dtype) {
  if (dtype == Dtype::float64) return kFloat64;
  if (dtype == Dtype::bfloat16) return kBfloat16;
  return dtype == Dtype::float16 ? kFloat16 : kFloat32;
}

uint32_t alignmentOf(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  uint32_t alignment = kBestAlignment;
  while (address % alignment != 0) alignment /= 2;
  return alignment;
}

using Key = std::tuple<int, Dtype, Dtype, int64_t, int64_t, int64_t, bool, bool, bool, bool,
                       uint32_t, uint32_t, uint32_t, uint32_t>;

Key keyOf(const LibraryProduct& product, int device) {
  return {device,
          product.factors,
          product.result,
          product.rows,
          product.columns,
          product.inner,
          product.transposeLeft,
          product.transposeRight,
          product.accumulate,
          product.bias != nullptr,
          alignmentOf(product.left),
          alignmentOf(product.right),
          alignmentOf(product.output),
          alignmentOf(product.bias)};
}

// How products of one key are done.
struct Plan {
  bool isUsable = false;
  bool narrowsBias = false;  // to the type of the output
  Descriptor descriptor = nullptr;
  Layout right = nullptr, left = nullptr, output = nullptr;
  HeuristicResult chosen = {};
};

class Planner {
 public:
  Planner(const Interface& library, Handle handle, const LibraryProduct& product)
      : library_(library), handle_(handle), product_(product) {}

  // A float32 bias of a half-type output is tried first, then one of the output's type.
  Plan plan() {
    if (describe() && choose(false)) return plan_;
    plan_.narrowsBias = true;
    const bool isHalf = product_.result == Dtype::bfloat16 || product_.result == Dtype::float16;
    if (plan_.output && product_.bias && isHalf && choose(true)) return plan_;
    discard();
    return {};
  }

 private:
  bool describe() {
    const bool isDouble = product_.factors == Dtype::float64;
    const DataType factors = dataTypeOf(product_.factors);
    const int32_t transposeRight = product_.transposeRight, transposeLeft = product_.transposeLeft;
    return library_.descriptorCreate(&plan_.descriptor, isDouble ? kCompute64 : kCompute32,
                                     isDouble ? kFloat64 : kFloat32) == 0 &&
           set(kTransposeA, transposeRight) && set(kTransposeB, transposeLeft) &&
           lay(plan_.right, factors, product_.inner, product_.columns, product_.transposeRight) &&
           lay(plan_.left, factors, product_.rows, product_.inner, product_.transposeLeft) &&
           lay(plan_.output, dataTypeOf(product_.result), product_.rows, product_.columns, false);
  }
  template <class T>
  bool set(DescriptorAttribute attribute, const T& value) {
    return library_.descriptorSet(plan_.descriptor, attribute, &value, sizeof value) == 0;
  }
  // A row-major (rows, columns) is a column-major (columns, rows).
  bool lay(Layout& layout, DataType type, int64_t rows, int64_t columns, bool isTransposed) {
    const int64_t rowLength = isTransposed ? rows : columns;
    const int64_t stored = isTransposed ? columns : rows;
    return library_.layoutCreate(&layout, type, uint64_t(rowLength), uint64_t(stored), rowLength) ==
           0;
  }
  bool choose(bool narrowsBias) {
    if (product_.bias) {
      const DataType sums = product_.factors == Dtype::float64 ? kFloat64 : kFloat32;
      const int32_t type = narrowsBias ? dataTypeOf(product_.result) : sums;
      if (!set(kEpilogue, kEpilogueBias) || !set(kBiasPointer, product_.bias) ||
          !set(kBiasType, type)) {
        return false;
      }
    }
    Preference preference = nullptr;
    if (library_.preferenceCreate(&preference) != 0) return false;
    int found = 0;
    const bool isChosen =
        prefer(preference) &&
        library_.heuristic(handle_, plan_.descriptor, plan_.right, plan_.left, plan_.output,
                           plan_.output, preference, 1, &plan_.chosen, &found) == 0 &&
        found > 0 && plan_.chosen.status == 0;
    (void)library_.preferenceDestroy(preference);
    plan_.isUsable = isChosen;
    return isChosen;
  }
  bool prefer(Preference preference) {
    const auto wish = [&](int attribute, const auto& value) {
      return library_.preferenceSet(preference, PreferenceAttribute(attribute), &value,
                                    sizeof value) == 0;
    };
    const void* const operands[] = {product_.right, product_.left, product_.output,
                                    product_.output};
    bool isSet = wish(kWorkspaceBytes, kMostWorkspace);
    isSet = isSet && wish(kReductionSchemes, kReduceInComputeType);
    for (int i = 0; i < 4; ++i) isSet = isSet && wish(kAlignmentA + i, alignmentOf(operands[i]));
    return isSet;
  }
  void discard() {
    for (Layout layout : {plan_.right, plan_.left, plan_.output}) {
      if (layout) (void)library_.layoutDestroy(layout);
    }
    if (plan_.descriptor) (void)library_.descriptorDestroy(plan_.descriptor);
  }

  const Interface& library_;
  Handle handle_;
  const LibraryProduct& product_;
  Plan plan_;
};

// ---- running ----

template <class Storage>
__global__ void narrowBiasKernel(const float* bias, int64_t columns, Storage* narrowed) {
  const int64_t i = globalThread();
  if (i < columns) narrowed[i] = narrow<Storage>(bias[i]);
}

template <class Storage>
void narrowBias(const LibraryProduct& product, uint16_t* narrowed, Context& context) {
  constexpr int kThreads = 256;
  launch(narrowBiasKernel<Storage>, dim3(unsigned(ceilDivide(product.columns, kThreads))),
         dim3(kThreads), 0, context, static_cast<const float*>(product.bias), product.columns,
         reinterpret_cast<Storage*>(narrowed));
}

bool runPlan(const Interface& library, Handle handle, const Plan& plan,
             const LibraryProduct& product, Context& context) {
  const void* bias = product.bias;
  const Workspace<uint16_t> narrowed(context, bias && plan.narrowsBias ? product.columns : 0);
  if (narrowed.data()) {
    if (product.result == Dtype::bfloat16) {
      narrowBias<bfloat16>(product, narrowed.data(), context);
    } else {
      narrowBias<float16>(product, narrowed.data(), context);
    }
    bias = narrowed.data();
  }
  if (bias && library.descriptorSet(plan.descriptor, kBiasPointer, &bias, sizeof bias) != 0) {
    return false;
  }
  const Workspace<unsigned char> scratch(context, int64_t(plan.chosen.workspaceBytes));
  const double one64 = 1, beta64 = product.accumulate ? 1 : 0;
  const float one32 = 1, beta32 = product.accumulate ? 1 : 0;
  const bool isDouble = product.factors == Dtype::float64;
  const void* const alpha = isDouble ? static_cast<const void*>(&one64) : &one32;
  const void* const beta = isDouble ? static_cast<const void*>(&beta64) : &beta32;
  return library.multiply(handle, plan.descriptor, alpha, product.right, plan.right, product.left,
                          plan.left, beta, product.output, plan.output, product.output, plan.output,
                          &plan.chosen.algorithm, scratch.data(), plan.chosen.workspaceBytes,
                          context.stream) == 0;
}

// One for all streams; the lock is held while a product is queued, because its descriptor carries
// the address of the bias.
struct Library {
  const Interface* functions = load();
  std::mutex mutex;
  std::map<int, Handle> handles;  // by device; null where there is none
  std::map<Key, Plan> plans;

  Handle handleOf(int device) {
    const auto [entry, isNew] = handles.try_emplace(device, nullptr);
    if (isNew && functions->create(&entry->second) != 0) entry->second = nullptr;
    return entry->second;
  }
};

}  // namespace

bool multiplyByLibrary(const LibraryProduct& product, Context& context) {
  static Library& library = *new Library;  // never destroyed: streams may outlive static objects
  if (!library.functions) return false;
  const std::lock_guard lock(library.mutex);
  const Handle handle = library.handleOf(context.device);
  if (!handle) return false;
  const auto [entry, isNew] = library.plans.try_emplace(keyOf(product, context.device));
  Plan& plan = entry->second;
  if (isNew) plan = Planner(*library.functions, handle, product).plan();
  if (!plan.isUsable) return false;
  try {
    plan.isUsable = runPlan(*library.functions, handle, plan, product, context);
  } catch (const runtime::Error&) {  // no scratch memory
    return false;
  }
  if (plan.isUsable && context.checkAfterLaunch) {
    CUDA_CHECK(cudaStreamSynchronize(context.stream));
  }
  return plan.isUsable;
}

}  // namespace entrain::inline ENTRAIN_ISA::cuda

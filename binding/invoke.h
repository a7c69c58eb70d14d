// The complete code behind calling any operation: unpack, check, enqueue. One instantiation an
// operation and dtype; nothing here knows any operation by name.
#pragma once

#include <type_traits>

#include "binding/unpack.h"
#include "ops/operations.h"

namespace entrain::binding {

using Invoke = void (*)(int32_t operation, const double* values, const Buffers& buffers);

template <template <class> class Operation, class Real>
void invoke(int32_t index, const double* values, const Buffers& buffers) {
  using Arguments = Operation<Real>;
  static_assert(std::is_trivially_copyable_v<Arguments>);
  static_assert(sizeof(Arguments) <= runtime::kMaximumArgumentBytes);
  Arguments arguments{};
  Unpacker unpack(Arguments::name, values, buffers);
  arguments.fields(unpack);
  arguments.validate();
  unpack.stream()->enqueue({index, int32_t(DtypeOf<Real>::value), &arguments, sizeof arguments});
}

struct InvokeSet {
  const char* name;
  const char* firstField;  // whose dtype chooses the instantiation
  Invoke byDtype[kFloatDtypes] = {};
};

struct FirstField {
  const char* name = nullptr;
  template <class T>
  void operator()(const char* field, T&) {
    if (!name) name = field;
  }
  template <class T>
  void optional(const char*, T&) {}
};

template <template <class> class Operation>
InvokeSet invokeSet() {
  Operation<float> arguments{};
  FirstField first;
  arguments.fields(first);
  InvokeSet set{Operation<float>::name, first.name, {}};
  forEachType(typename Operation<float>::Types{}, [&]<class Real>(TypeTag<Real>) {
    set.byDtype[int(DtypeOf<Real>::value)] = &invoke<Operation, Real>;
  });
  return set;
}

template <template <class> class... Operation>
const InvokeSet* invokeTable(OperationList<Operation...>) {
  static const InvokeSet table[] = {invokeSet<Operation>()...};
  return table;
}

}  // namespace entrain::binding

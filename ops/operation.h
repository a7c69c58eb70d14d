// What every operation struct is made of. An operation is a template over its storage type `Real`:
//
//   template <class Real> struct XForward {
//     static constexpr const char* name = "xForward";   // the name JavaScript calls
//     using Types = FloatTypes;                         // the Reals it exists for
//     View<const Real> input;  View<Real> output;       // the first view tells the dtype
//     template <class Visitor> void fields(Visitor& visit) { visit("input", input); … }
//     void validate() const;                            // throws runtime::Error before anything
//     runs
//   };
//
// Fields are View<const T> (read), View<T> (written), int64_t, double or bool; `visit.optional`
// marks a view that may be absent. The struct is the kernel's argument on both back ends, so it
// stays trivially copyable and at most runtime::kMaximumArgumentBytes long.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "ops/dtype.h"
#include "ops/view.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kFloatDtypes = 4;  // float64, float32, bfloat16, float16: the possible Reals

template <class T>
struct TypeTag {
  using type = T;
};
template <class... T>
struct TypeList {};
using FloatTypes = TypeList<double, float, bfloat16, float16>;
using FullFloatTypes = TypeList<double, float>;

template <class... T, class Function>
inline void forEachType(TypeList<T...>, Function function) {
  (function(TypeTag<T>{}), ...);
}

template <template <class> class... Operation>
struct OperationList {
  static constexpr int size = sizeof...(Operation);
};

// A factor of an expected length, with the name it has in the documentation.
struct Size {
  const char* name;
  int64_t value;
};

// The checks of validate(); every message names the operation, the argument, the rule and the
// value.
class Check {
 public:
  explicit Check(const char* operation) : operation_(operation) {}

  // `value` is at least `least` (and, as a size, below 2^53).
  void atLeast(const char* name, int64_t value, int64_t least) const;
  // `value` is finite and in [low, high].
  void within(const char* name, double value, double low, double high) const;
  // The view holds exactly the product of the sizes.
  template <class T>
  void shape(const char* name, View<T> view, std::initializer_list<Size> sizes) const {
    shape(name, view.length, sizes);
  }
  void shape(const char* name, int64_t length, std::initializer_list<Size> sizes) const;
  // Any other rule: throws ERR_VALUE "<operation>: <name> must be <rule>, got <value>" unless it
  // holds.
  void rule(bool holds, const char* name, const char* rule, double value) const;

 private:
  const char* operation_;
};

}  // namespace entrain::inline ENTRAIN_ISA

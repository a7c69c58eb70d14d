// Conversion between storage types: output = input, rounded to nearest, ties to even. From float64
// to a half type the number is rounded to float32 first. The adjoint is the conversion back.
#pragma once

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

template <class To, class From>
HOST_DEVICE To cast(From x) {
  return narrow<To>(Compute<To>(widen(x)));
}

// What the four operations share; their `output` tells the type that is converted to.
template <class From, class To>
struct CastArguments {
  using Types = FloatTypes;
  View<const From> input;  // (length)
  View<To> output;         // (length), written

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("input", input);
    visit("output", output);
  }

 protected:
  void validateAs(const char* name) const {
    Check(name).shape("output", output, {{"length of input", input.length}});
  }
};

template <class Real>
struct CastToFloat64 : CastArguments<Real, double> {
  static constexpr const char* name = "castToFloat64";
  void validate() const { this->validateAs(name); }
};

template <class Real>
struct CastToFloat32 : CastArguments<Real, float> {
  static constexpr const char* name = "castToFloat32";
  void validate() const { this->validateAs(name); }
};

template <class Real>
struct CastToBfloat16 : CastArguments<Real, bfloat16> {
  static constexpr const char* name = "castToBfloat16";
  void validate() const { this->validateAs(name); }
};

template <class Real>
struct CastToFloat16 : CastArguments<Real, float16> {
  static constexpr const char* name = "castToFloat16";
  void validate() const { this->validateAs(name); }
};

}  // namespace entrain::inline ENTRAIN_ISA

// An operation on float32 numbers, worked out in float64: the same fields, the float32 views of it
// replaced by float64 copies. For calls so small that the time does not matter, where sums of a few
// terms may cancel to less than a thousandth of them.
#pragma once

#include <type_traits>

#include "ops/operation.h"

namespace entrain::inline ENTRAIN_ISA {

constexpr int kMostWidenedFields = 64;  // as many as an operation may have

// What a field of the narrow operation held.
struct NarrowField {
  bool isNarrow = false;  // float32 numbers, to be copied
  bool isWritten = false;
  const void* data = nullptr;
  int64_t length = 0;
  double number = 0;
};

class NarrowFields {
 public:
  template <class T>
  void operator()(const char*, View<T>& view) {
    NarrowField& field = fields_[count_++];
    field.isNarrow = std::is_same_v<std::remove_const_t<T>, float>;
    field.isWritten = !std::is_const_v<T>;
    field.data = view.data;
    field.length = view.length;
  }
  template <class Number>
  void operator()(const char*, Number& number) {
    fields_[count_++].number = double(number);
  }
  template <class T>
  void optional(const char* name, View<T>& view) {
    (*this)(name, view);
  }

  int count() const { return count_; }
  const NarrowField& operator[](int i) const { return fields_[i]; }
  // Elements of all that is copied.
  int64_t copiedLength() const {
    int64_t length = 0;
    for (int i = 0; i < count_; ++i) length += fields_[i].isNarrow ? fields_[i].length : 0;
    return length;
  }

 private:
  NarrowField fields_[kMostWidenedFields];
  int count_ = 0;
};

// Fills the wide operation's fields; its copies lie one after the other from `memory` on.
class WideFields {
 public:
  WideFields(const NarrowFields& narrow, double* memory) : narrow_(narrow), memory_(memory) {}

  template <class T>
  void operator()(const char*, View<T>& view) {
    const NarrowField& field = narrow_[at_++];
    if (!field.data) {
      view = {};
    } else if (field.isNarrow) {
      view = {reinterpret_cast<T*>(memory_), field.length};
      memory_ += field.length;
    } else {
      view = {static_cast<T*>(const_cast<void*>(field.data)), field.length};
    }
  }
  template <class Number>
  void operator()(const char*, Number& number) {
    number = Number(narrow_[at_++].number);
  }
  template <class T>
  void optional(const char* name, View<T>& view) {
    (*this)(name, view);
  }

 private:
  const NarrowFields& narrow_;
  double* memory_;
  int at_ = 0;
};

// Runs `Operation<float>` as an `Operation<double>`: `allocate(length)` gives memory for doubles,
// `widen(from, to, length)` and `narrow(from, to, length)` copy numbers, and `run(wide)` is the
// kernel. Sizes above 2^53 do not come here.
template <template <class> class Operation, class Allocate, class Widen, class Run, class Narrow>
void runWidened(const Operation<float>& op, const Allocate& allocate, const Widen& widen,
                const Run& run, const Narrow& narrow) {
  Operation<float> source = op;
  NarrowFields fields;
  source.fields(fields);
  double* const memory = allocate(fields.copiedLength());
  Operation<double> wide;
  WideFields filled(fields, memory);
  wide.fields(filled);
  const auto forEachCopy = [&](bool isWritten, const auto& copy) {
    double* at = memory;
    for (int i = 0; i < fields.count(); ++i) {
      const NarrowField& field = fields[i];
      if (!field.isNarrow || !field.data) continue;
      if (field.isWritten == isWritten) copy(field, at);
      at += field.length;
    }
  };
  forEachCopy(false, [&](const NarrowField& field, double* to) {
    widen(static_cast<const float*>(field.data), to, field.length);
  });
  run(wide);
  forEachCopy(true, [&](const NarrowField& field, const double* from) {
    narrow(from, static_cast<float*>(const_cast<void*>(field.data)), field.length);
  });
}

}  // namespace entrain::inline ENTRAIN_ISA

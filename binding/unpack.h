// From JavaScript's argument numbers to an operation's struct. JavaScript writes the fields in
// their order into one array of doubles (handles, sizes, scalars, flags), which costs less than
// reading named properties through Node-API; the names travel once, in signatures().
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "binding/buffers.h"
#include "ops/errors.h"
#include "ops/operation.h"

namespace entrain::binding {

class Unpacker {
 public:
  Unpacker(const char* operation, const double* values, const Buffers& buffers)
      : operation_(operation), values_(values), buffers_(buffers) {}

  template <class T>
  void operator()(const char* name, View<T>& view) {
    const double handle = *values_++;
    const Buffer* buffer = buffers_.find(handle);
    if (!buffer) missing(name, handle);
    assign(name, view, *buffer);
  }
  template <class T>
  void optional(const char* name, View<T>& view) {
    if (*values_ == 0) {
      ++values_;
      view = {};
    } else {
      (*this)(name, view);
    }
  }
  void operator()(const char* name, int64_t& value) {
    const double number = *values_++;
    if (!(std::floor(number) == number && std::fabs(number) <= 9007199254740992.0)) {
      fail("ERR_SHAPE", name, "an integer", number);
    }
    value = int64_t(number);
  }
  void operator()(const char* name, double& value) {
    const double number = *values_++;
    if (!std::isfinite(number)) fail("ERR_VALUE", name, "a finite number", number);
    value = number;
  }
  void operator()(const char* name, bool& value) {
    const double number = *values_++;
    if (!(number == 0 || number == 1)) fail("ERR_VALUE", name, "true or false", number);
    value = number == 1;
  }

  // The stream that all buffers share.
  runtime::Stream* stream() const { return stream_; }

 private:
  template <class T>
  void assign(const char* name, View<T>& view, const Buffer& buffer) {
    constexpr Dtype expected = DtypeOf<std::remove_const_t<T>>::value;
    if (buffer.dtype != expected) {
      throw runtime::Error("ERR_DTYPE", std::string(operation_) + ": " + name + " must be " +
                                            dtypeName(expected) + ", got " +
                                            dtypeName(buffer.dtype));
    }
    if (stream_ && stream_ != buffer.stream) {
      throw runtime::Error("ERR_DEVICE", std::string(operation_) + ": " + name + " must be on " +
                                             deviceName(device_) +
                                             " like the arguments before, got " +
                                             deviceName(buffer.device));
    }
    stream_ = buffer.stream;
    device_ = buffer.device;
    view = {static_cast<T*>(buffer.data), buffer.length};
  }
  [[noreturn]] void missing(const char* name, double handle) const {
    const std::string prefix = std::string(operation_) + ": " + name;
    if (handle == 0) throw runtime::Error("ERR_DTYPE", prefix + " must be a tensor, got none");
    if (std::isnan(handle)) {
      throw runtime::Error("ERR_DTYPE", prefix + " must be a tensor, got something else");
    }
    throw runtime::Error("ERR_DISPOSED", prefix + " must be alive, got a disposed tensor");
  }
  static std::string deviceName(int device) {
    return device < 0 ? "cpu" : "cuda:" + std::to_string(device);
  }
  [[noreturn]] void fail(const char* code, const char* name, const char* rule, double got) const {
    char text[40];
    std::snprintf(text, sizeof text, "%g", got);
    throw runtime::Error(
        code, std::string(operation_) + ": " + name + " must be " + rule + ", got " + text);
  }

  const char* operation_;
  const double* values_;
  const Buffers& buffers_;
  runtime::Stream* stream_ = nullptr;
  int device_ = 0;
};

// Collects what signatures() tells JavaScript about an operation.
template <class Emit>
class Describer {
 public:
  explicit Describer(const Emit& emit) : emit_(emit) {}
  template <class T>
  void operator()(const char* name, View<T>&) {
    emit_(name, std::is_const_v<T> ? "input" : "output", false,
          dtypeName(DtypeOf<std::remove_const_t<T>>::value));
  }
  template <class T>
  void optional(const char* name, View<T>&) {
    emit_(name, std::is_const_v<T> ? "input" : "output", true,
          dtypeName(DtypeOf<std::remove_const_t<T>>::value));
  }
  void operator()(const char* name, int64_t&) { emit_(name, "size", false, ""); }
  void operator()(const char* name, double&) { emit_(name, "number", false, ""); }
  void operator()(const char* name, bool&) { emit_(name, "flag", false, ""); }

 private:
  const Emit& emit_;
};

}  // namespace entrain::binding

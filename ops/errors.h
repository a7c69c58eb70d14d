// Errors with stable codes; binding/guard.h turns them into JavaScript errors.
#pragma once

#include <stdexcept>
#include <string>

namespace entrain::runtime {

// `code` is one of ERR_SHAPE, ERR_DTYPE, ERR_DEVICE, ERR_DISPOSED, ERR_VALUE, ERR_OUT_OF_MEMORY,
// ERR_CUDA.
class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* code;
};

}  // namespace entrain::runtime

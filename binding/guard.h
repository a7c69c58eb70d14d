// The only place where a C++ exception becomes a JavaScript error.
#pragma once

#include <node_api.h>

#include <new>
#include <string>

#include "ops/errors.h"

namespace entrain::binding {

inline void throwError(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
}

// Throws runtime::Error when a Node-API call fails.
inline void check(napi_status status) {
  if (status != napi_ok) {
    throw runtime::Error("ERR_NATIVE",
                         "node-api call failed with status " + std::to_string(status));
  }
}

// Runs a callback's body; whatever it throws is thrown in JavaScript.
template <class Body>
napi_value guarded(napi_env env, const Body& body) {
  try {
    return body();
  } catch (const runtime::Error& error) {
    throwError(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throwError(env, "ERR_OUT_OF_MEMORY", "allocate: no host memory left");
  } catch (const std::exception& error) {
    throwError(env, "ERR_NATIVE", error.what());
  }
  return nullptr;
}

}  // namespace entrain::binding

// The addon's functions. lib/native.ts is their only caller and gives them their JavaScript types.
#include <node_api.h>

#include <cstring>

#include "binding/environment.h"
#include "binding/guard.h"
#include "binding/invoke.h"
#include "cpu/instruction_set.h"
#include "cpu/parallel.h"
#if defined(ENTRAIN_CUDA)
#include "cuda/device.h"
#endif

namespace entrain::binding {

namespace {

// ---- small conversions ----

Environment& environment(napi_env env) {
  void* data = nullptr;
  check(napi_get_instance_data(env, &data));
  return *static_cast<Environment*>(data);
}

template <size_t count>
struct Arguments {
  napi_value values[count];
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    size_t given = count;
    check(napi_get_cb_info(env, info, &given, values, nullptr, nullptr));
    if (given < count) throw runtime::Error("ERR_NATIVE", "too few arguments");
  }
  double number(size_t i) const {
    double value = 0;
    check(napi_get_value_double(env, values[i], &value));
    return value;
  }
  napi_env env;
};

napi_value makeNumber(napi_env env, double value) {
  napi_value result;
  check(napi_create_double(env, value, &result));
  return result;
}
napi_value makeText(napi_env env, const std::string& text) {
  napi_value result;
  check(napi_create_string_utf8(env, text.c_str(), text.size(), &result));
  return result;
}
napi_value makeObject(napi_env env) {
  napi_value result;
  check(napi_create_object(env, &result));
  return result;
}
napi_value makeArray(napi_env env) {
  napi_value result;
  check(napi_create_array(env, &result));
  return result;
}
void push(napi_env env, napi_value array, napi_value value) {
  uint32_t length = 0;
  check(napi_get_array_length(env, array, &length));
  check(napi_set_element(env, array, length, value));
}
void put(napi_env env, napi_value object, const char* name, napi_value value) {
  check(napi_set_named_property(env, object, name, value));
}

const Buffer& bufferOf(Environment& environment, double handle, const char* operation) {
  const Buffer* buffer = environment.buffers.find(handle);
  if (!buffer) {
    throw runtime::Error("ERR_DISPOSED",
                         std::string(operation) + ": tensor must be alive, got a disposed tensor");
  }
  return *buffer;
}

// ---- operations ----

// bindArguments(array: Float64Array): the array operations read their arguments from.
napi_value bindArguments(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    void* data = nullptr;
    check(napi_get_typedarray_info(env, arguments.values[0], nullptr, nullptr, &data, nullptr,
                                   nullptr));
    Environment& here = environment(env);
    // The reference keeps the array, and so its memory outside V8's heap, in place.
    check(napi_create_reference(env, arguments.values[0], 1, &here.argumentsReference));
    here.arguments = static_cast<const double*>(data);
    return nullptr;
  });
}

// The instantiation for the dtype of the first argument; any one where there is no such tensor,
// which it will say.
Invoke invokeFor(const InvokeSet& set, const Environment& here) {
  const Buffer* first = here.buffers.find(here.arguments[0]);
  std::string dtypes;
  for (int dtype = 0; dtype < kFloatDtypes; ++dtype) {
    if (!set.byDtype[dtype]) continue;
    if (!first || first->dtype == Dtype(dtype)) return set.byDtype[dtype];
    dtypes += (dtypes.empty() ? "" : " or ") + std::string(dtypeName(Dtype(dtype)));
  }
  throw runtime::Error("ERR_DTYPE", std::string(set.name) + ": " + set.firstField + " must be " +
                                        dtypes + ", got " + dtypeName(first->dtype));
}

// invoke(operation): runs an operation with the arguments in the bound array.
napi_value invokeOperation(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    int32_t operation = -1;
    check(napi_get_value_int32(env, arguments.values[0], &operation));
    Environment& here = environment(env);
    if (operation < 0 || operation >= Operations::size || !here.arguments) {
      throw runtime::Error("ERR_NATIVE", "invoke: operation must be one of signatures(), got " +
                                             std::to_string(operation));
    }
    invokeFor(invokeTable(Operations{})[operation], here)(operation, here.arguments, here.buffers);
    return nullptr;
  });
}

template <template <class> class Operation>
void describeOperation(napi_env env, napi_value list) {
  napi_value fields = makeArray(env);
  const auto emit = [&](const char* name, const char* kind, bool optional, const char* dtype) {
    napi_value field = makeObject(env);
    napi_value flag;
    check(napi_get_boolean(env, optional, &flag));
    put(env, field, "name", makeText(env, name));
    put(env, field, "kind", makeText(env, kind));
    put(env, field, "optional", flag);
    put(env, field, "dtype", makeText(env, dtype));
    push(env, fields, field);
  };
  Describer describe(emit);
  Operation<double> arguments{};
  arguments.fields(describe);
  napi_value dtypes = makeArray(env);
  forEachType(typename Operation<float>::Types{}, [&]<class Real>(TypeTag<Real>) {
    push(env, dtypes, makeText(env, dtypeName(DtypeOf<Real>::value)));
  });
  napi_value entry = makeObject(env);
  put(env, entry, "name", makeText(env, Operation<double>::name));
  put(env, entry, "fields", fields);
  put(env, entry, "dtypes", dtypes);
  push(env, list, entry);
}

template <template <class> class... Operation>
void describeAll(napi_env env, napi_value list, OperationList<Operation...>) {
  (describeOperation<Operation>(env, list), ...);
}

// signatures(): every operation with its fields, as instantiated for float64.
napi_value signatures(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    napi_value list = makeArray(env);
    describeAll(env, list, Operations{});
    return list;
  });
}

// ---- memory ----

// allocate(device, dtype, length): handle of uninitialised memory.
napi_value allocate(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3> arguments(env, info);
    Environment& here = environment(env);
    Buffer buffer;
    buffer.device = int(arguments.number(0));
    buffer.dtype = Dtype(int(arguments.number(1)));
    buffer.length = int64_t(arguments.number(2));
    buffer.stream = &here.stream(buffer.device);
    buffer.data = buffer.stream->allocate(buffer.bytes());
    here.externalMemory.allocated(buffer.bytes());
    return makeNumber(env, here.buffers.add(buffer));
  });
}

// release(handle, byCollector): frees the memory after the work queued on it; a stale handle is
// ignored.
napi_value release(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<2> arguments(env, info);
    Environment& here = environment(env);
    const double handle = arguments.number(0);
    bool byCollector = false;
    check(napi_get_value_bool(env, arguments.values[1], &byCollector));
    if (const Buffer* buffer = here.buffers.find(handle)) {
      buffer->stream->release(buffer->data, buffer->bytes());
      here.externalMemory.released(buffer->bytes(), byCollector);
      here.buffers.remove(handle);
    }
    return nullptr;
  });
}

// upload(handle, bytes: ArrayBufferView): copies all of the view into the buffer.
napi_value upload(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<2> arguments(env, info);
    const Buffer& buffer = bufferOf(environment(env), arguments.number(0), "upload");
    void* data = nullptr;
    size_t length = 0;
    check(napi_get_typedarray_info(env, arguments.values[1], nullptr, &length, &data, nullptr,
                                   nullptr));
    if (int64_t(length) != buffer.bytes()) {
      throw runtime::Error("ERR_SHAPE", "upload: data must be " + std::to_string(buffer.bytes()) +
                                            " bytes, got " + std::to_string(length));
    }
    if (length > 0) buffer.stream->upload(buffer.data, data, buffer.bytes());
    return nullptr;
  });
}

// download(handle, to: ArrayBuffer): a promise of that array, filled with the buffer's bytes.
// JavaScript makes the array, because only there its memory may be lacking without ending the
// process.
napi_value download(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2> arguments(env, info);
    Environment& here = environment(env);
    const Buffer& buffer = bufferOf(here, arguments.number(0), "data");
    void* data = nullptr;
    size_t length = 0;
    check(napi_get_arraybuffer_info(env, arguments.values[1], &data, &length));
    if (int64_t(length) != buffer.bytes()) {
      throw runtime::Error("ERR_SHAPE", "data: array must be " + std::to_string(buffer.bytes()) +
                                            " bytes, got " + std::to_string(length));
    }
    // Only this promise knows the array until it is settled, so its memory stays where it is.
    return here.promise(arguments.values[1], [&](runtime::Completion done) {
      buffer.stream->download(data, buffer.data, buffer.bytes(), std::move(done));
    });
  });
}

// copyBuffer(to, from): same length and dtype, same device.
napi_value copyBuffer(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<2> arguments(env, info);
    Environment& here = environment(env);
    const Buffer& to = bufferOf(here, arguments.number(0), "copy");
    const Buffer& from = bufferOf(here, arguments.number(1), "copy");
    if (to.stream != from.stream || to.bytes() != from.bytes()) {
      throw runtime::Error("ERR_SHAPE", "copy: source must be " + std::to_string(to.bytes()) +
                                            " bytes on the same device, got " +
                                            std::to_string(from.bytes()));
    }
    to.stream->copy(to.data, from.data, to.bytes());
    return nullptr;
  });
}

// fillZero(handle)
napi_value fillZero(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    const Buffer& buffer = bufferOf(environment(env), arguments.number(0), "zeros");
    buffer.stream->fillZero(buffer.data, buffer.bytes());
    return nullptr;
  });
}

// ---- devices ----

// synchronize(device): a promise that settles when all work queued on it has finished.
napi_value synchronize(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1> arguments(env, info);
    Environment& here = environment(env);
    runtime::Stream& stream = here.stream(int(arguments.number(0)));
    return here.promise(nullptr, [&](runtime::Completion done) {
      stream.download(nullptr, nullptr, 0, std::move(done));
    });
  });
}

// memory(device): {live, cached, peak} in bytes.
napi_value memory(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1> arguments(env, info);
    const runtime::MemoryStatistics statistics =
        environment(env).stream(int(arguments.number(0))).memory();
    napi_value result = makeObject(env);
    put(env, result, "live", makeNumber(env, double(statistics.live)));
    put(env, result, "cached", makeNumber(env, double(statistics.cached)));
    put(env, result, "peak", makeNumber(env, double(statistics.peak)));
    return result;
  });
}

// trim(device): returns cached memory to the system.
napi_value trim(napi_env env, napi_callback_info info) {
  return guarded(env, [&]() -> napi_value {
    const Arguments<1> arguments(env, info);
    Environment& here = environment(env);
    here.stream(int(arguments.number(0))).trim();
    here.externalMemory.trimmed();
    return nullptr;
  });
}

// machine(): threads, instruction set, GPUs or the reason why there are none.
napi_value machine(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    napi_value result = makeObject(env);
    put(env, result, "threads", makeNumber(env, runtime::ThreadPool::instance().threads()));
    put(env, result, "instructionSet", makeText(env, runtime::instructionSet()));
    napi_value gpus = makeArray(env);
#if defined(ENTRAIN_CUDA)
    const runtime::CudaProbe& probe = runtime::probeCuda();
    for (const runtime::CudaDevice& device : probe.devices) {
      napi_value gpu = makeObject(env);
      put(env, gpu, "name", makeText(env, device.name));
      put(env, gpu, "memory", makeNumber(env, double(device.memoryBytes)));
      put(env, gpu, "computeCapability", makeText(env, device.computeCapability));
      put(env, gpu, "uuid", makeText(env, device.uuid));
      push(env, gpus, gpu);
    }
    put(env, result, "cudaUnavailable", makeText(env, probe.reason));
#else
    put(env, result, "cudaUnavailable", makeText(env, "this build has no CUDA support"));
#endif
    put(env, result, "gpus", gpus);
    return result;
  });
}

// ---- module ----

void closeEnvironment(void* data) {
  static_cast<Environment*>(data)->close();
}

napi_value initialise(napi_env env, napi_value exports) {
  return guarded(env, [&] {
    auto* here = new Environment(env);
    check(napi_set_instance_data(
        env, here, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); },
        nullptr));
    check(napi_add_env_cleanup_hook(env, closeEnvironment, here));
    const struct {
      const char* name;
      napi_callback function;
    } functions[] = {
        {"bindArguments", bindArguments},
        {"invoke", invokeOperation},
        {"signatures", signatures},
        {"allocate", allocate},
        {"release", release},
        {"upload", upload},
        {"download", download},
        {"copyBuffer", copyBuffer},
        {"fillZero", fillZero},
        {"synchronize", synchronize},
        {"memory", memory},
        {"trim", trim},
        {"machine", machine},
    };
    for (const auto& [name, function] : functions) {
      napi_value value;
      check(napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value));
      put(env, exports, name, value);
    }
    return exports;
  });
}

}  // namespace

}  // namespace entrain::binding

NAPI_MODULE_INIT() {
  return entrain::binding::initialise(env, exports);
}

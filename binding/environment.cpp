#include "binding/environment.h"

#include "binding/guard.h"
#include "cpu/device.h"
#if defined(ENTRAIN_CUDA)
#include "cuda/device.h"
#endif

namespace entrain::binding {

Environment::Environment(napi_env environment) : env(environment), externalMemory(environment) {
  napi_value name;
  check(napi_create_string_utf8(env, "entrain", NAPI_AUTO_LENGTH, &name));
  check(napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                        &Environment::settle, &wake_));
  check(napi_unref_threadsafe_function(env, wake_));
}

Environment::~Environment() {
  close();
}

void Environment::close() {
  if (closed_) return;
  closed_ = true;
  for (auto& [device, stream] : streams_) stream->close();
  buffers.forEach(
      [](const Buffer& buffer) { buffer.stream->release(buffer.data, buffer.bytes()); });
  streams_.clear();
  if (wake_) napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  wake_ = nullptr;
}

runtime::Stream& Environment::stream(int device) {
  const auto found = streams_.find(device);
  if (found != streams_.end()) return *found->second;
  std::unique_ptr<runtime::Stream> stream;
  if (device == kCpuDevice) {
    stream = runtime::openCpuStream();
  } else {
#if defined(ENTRAIN_CUDA)
    stream = runtime::openCudaStream(device);
#else
    throw runtime::Error("ERR_DEVICE",
                         "device: cuda must be compiled in, got a build without CUDA");
#endif
  }
  return *streams_.emplace(device, std::move(stream)).first->second;
}

napi_value Environment::beginPending(napi_value value, Pending** out) {
  auto pending = std::make_unique<Pending>();
  napi_value promise;
  check(napi_create_promise(env, &pending->deferred, &promise));
  if (value) check(napi_create_reference(env, value, 1, &pending->value));
  if (waiting_++ == 0) check(napi_ref_threadsafe_function(env, wake_));
  *out = pending.release();
  return promise;
}

// On the stream's thread.
void Environment::finish(Pending* pending, const runtime::Outcome& outcome) {
  pending->outcome = outcome;
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = finished_.empty();
    finished_.push_back(pending);
  }
  // One wake-up settles all that have finished by then.
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::settle(napi_env env, napi_value, void* context, void*) {
  if (env) static_cast<Environment*>(context)->settleAll();
}

void Environment::settleAll() {
  std::vector<Pending*> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (Pending* pending : finished) {
    napi_value value = nullptr;
    if (pending->value) {
      napi_get_reference_value(env, pending->value, &value);
      napi_delete_reference(env, pending->value);
    } else {
      napi_get_undefined(env, &value);
    }
    if (pending->outcome.code) {
      napi_value code, message, error;
      napi_create_string_utf8(env, pending->outcome.code, NAPI_AUTO_LENGTH, &code);
      napi_create_string_utf8(env, pending->outcome.message.c_str(), NAPI_AUTO_LENGTH, &message);
      napi_create_error(env, code, message, &error);
      napi_reject_deferred(env, pending->deferred, error);
    } else {
      napi_resolve_deferred(env, pending->deferred, value);
    }
    delete pending;
    if (--waiting_ == 0) napi_unref_threadsafe_function(env, wake_);
  }
}

}  // namespace entrain::binding

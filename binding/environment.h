// What belongs to one JavaScript environment (the main thread or a worker): its buffers, a stream
// for each device it uses, and the queue of finished reads on their way back to JavaScript.
#pragma once

#include <node_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "binding/buffers.h"
#include "binding/external_memory.h"
#include "ops/stream.h"

namespace entrain::binding {

constexpr int kCpuDevice = -1;  // devices from 0 on are GPUs

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();

  napi_env env;
  Buffers buffers;
  ExternalMemory externalMemory;
  const double* arguments = nullptr;  // the array that lib/native.ts writes arguments to
  napi_ref argumentsReference = nullptr;

  runtime::Stream& stream(int device);

  // A promise for `value` (or undefined when null), settled by the completion it hands to `start`.
  template <class Start>
  napi_value promise(napi_value value, const Start& start) {
    Pending* pending = nullptr;
    const napi_value result = beginPending(value, &pending);
    start([this, pending](const runtime::Outcome& outcome) { finish(pending, outcome); });
    return result;
  }

  // Stops all streams and frees all buffers.
  void close();

 private:
  struct Pending {
    napi_deferred deferred = nullptr;
    napi_ref value = nullptr;
    runtime::Outcome outcome;
  };
  napi_value beginPending(napi_value value, Pending** pending);
  void finish(Pending* pending, const runtime::Outcome& outcome);
  static void settle(napi_env env, napi_value, void* context, void*);
  void settleAll();

  std::map<int, std::unique_ptr<runtime::Stream>> streams_;
  napi_threadsafe_function wake_ = nullptr;
  int waiting_ = 0;  // promises not yet settled; the loop stays alive while there are any
  std::mutex mutex_;
  std::vector<Pending*> finished_;
  bool closed_ = false;
};

}  // namespace entrain::binding

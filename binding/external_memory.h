// What V8 is told of the memory behind tensors, so that it collects those that nobody disposed. It
// begins a full collection whenever 64 MiB more are reported than after the last one, which a
// training step that allocates and disposes hundreds would provoke twice. So memory that was
// disposed stays reported, as the streams keep it for the next allocations: the report is the
// most that was in use. Only what the collector itself found is taken off at once, so that tensors
// that nobody disposes never hold more than 64 MiB beyond that.
#pragma once

#include <node_api.h>

#include <cstdint>

namespace entrain::binding {

class ExternalMemory {
 public:
  explicit ExternalMemory(napi_env env) : env_(env) {}

  void allocated(int64_t bytes) {
    live_ += bytes;
    if (live_ > reported_) report(live_);
  }
  void released(int64_t bytes, bool byCollector) {
    live_ -= bytes;
    if (byCollector) report(reported_ - bytes);
  }
  // The streams gave back what they kept: from here on the report is exactly what is in use.
  void trimmed() { report(live_); }

 private:
  void report(int64_t bytes) {
    int64_t total = 0;
    napi_adjust_external_memory(env_, bytes - reported_, &total);
    reported_ = bytes;
  }

  napi_env env_;
  int64_t live_ = 0, reported_ = 0;
};

}  // namespace entrain::binding

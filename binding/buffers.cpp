#include "binding/buffers.h"

namespace entrain::binding {

namespace {

constexpr double kSlotCount = 4294967296.0;  // 2^32
constexpr uint32_t kGenerations = 1u << 20;  // handles stay below 2^52, exact in a double

uint32_t slotOf(double handle) {
  return uint32_t(uint64_t(handle));
}
uint32_t generationOf(double handle) {
  return uint32_t(uint64_t(handle) >> 32);
}

}  // namespace

double Buffers::add(Buffer buffer) {
  uint32_t slot;
  if (free_.empty()) {
    slot = uint32_t(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  // Generation 0 is never used: the number 0 is no handle.
  buffer.generation = slots_[slot].generation + 1;
  slots_[slot] = buffer;
  return double(buffer.generation) * kSlotCount + double(slot);
}

const Buffer* Buffers::find(double handle) const {
  if (!(handle >= kSlotCount && handle < kSlotCount * kGenerations)) return nullptr;
  const uint32_t slot = slotOf(handle);
  if (slot >= slots_.size()) return nullptr;
  const Buffer& buffer = slots_[slot];
  return buffer.stream && buffer.generation == generationOf(handle) ? &buffer : nullptr;
}

void Buffers::remove(double handle) {
  const uint32_t slot = slotOf(handle);
  slots_[slot].stream = nullptr;
  slots_[slot].data = nullptr;
  // A slot whose generations are used up is given up, so that no handle ever means two buffers.
  if (slots_[slot].generation < kGenerations - 1) free_.push_back(slot);
}

}  // namespace entrain::binding

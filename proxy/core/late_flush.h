// Has a connection of many streams flushed once all callbacks of a poll are over, instead of after each of
// them, so that what they have for it goes in one write. A member of its connection; loop thread only.
#pragma once

#include <utility>

#include "proxy/io/runtime.h"

namespace weir::core {

class LateFlush final : io::Deferred {
 public:
  LateFlush(io::Runtime& runtime, io::Flushable& connection) : runtime_(runtime), connection_(connection) {}

  // In a flush: whether it is the late one.
  bool is_due() { return std::exchange(due_, false); }
  void ask() { runtime_.defer(*this); }

 private:
  void run_deferred() override {
    due_ = true;
    runtime_.touch(connection_);
  }

  io::Runtime& runtime_;
  io::Flushable& connection_;
  bool due_ = false;
};

}  // namespace weir::core

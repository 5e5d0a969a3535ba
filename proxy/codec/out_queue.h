// The sending half that every codec has: an Output while there is something to write, and the count of what
// has not left Weir's memory yet. Wire bytes are what the transport speaks of, payload bytes what the
// exchange does; payload is reported as sent as soon as the wire bytes still pending are too few to hold it,
// so that never too much is reported, and all of it once nothing is pending.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/codec/scratch.h"

namespace weir::codec {

class OutQueue {
 public:
  explicit OutQueue(Scratch& scratch) : scratch_(scratch) {}
  OutQueue(const OutQueue&) = delete;
  OutQueue& operator=(const OutQueue&) = delete;

  Scratch& scratch() { return scratch_; }
  Output& out() {
    if (!out_) out_ = scratch_.take_output();
    return *out_;
  }
  void count_payload(std::size_t bytes) { payload_ += static_cast<std::uint32_t>(bytes); }
  bool has_output() const { return out_ && !out_->empty(); }
  std::size_t gathered() const { return out_ ? out_->size() : 0; }
  std::size_t pending() const { return wire_ + gathered(); }
  std::uint64_t gone() const { return gone_; }  // wire bytes that have left, in all
  // Likewise, that have arrived while so many are on their way.
  std::uint64_t reached(std::size_t in_flight) const {
    return gone_ - std::min<std::uint64_t>(gone_, in_flight);
  }

  // What is to be written now; call taken() when it has been.
  const std::vector<std::string_view>& gather() {
    wire_ += static_cast<std::uint32_t>(out().size());
    return out().gather();
  }
  void taken() {
    if (out_) scratch_.give_back(std::move(out_));
  }
  // Whose payload was counted is over; it hears no more of it.
  void forget_payload() { payload_ = 0; }
  // So many wire bytes left; the payload bytes to report as sent.
  std::size_t left(std::size_t bytes) {
    wire_ -= static_cast<std::uint32_t>(bytes);
    gone_ += bytes;
    const auto held = static_cast<std::uint32_t>(std::min<std::size_t>(payload_, pending()));
    const std::size_t report = payload_ - held;
    payload_ = held;
    return report;
  }

 private:
  Scratch& scratch_;
  std::unique_ptr<Output> out_;
  std::uint64_t gone_ = 0;
  std::uint32_t wire_ = 0;     // given to the transport and not yet taken by the kernel
  std::uint32_t payload_ = 0;  // of them, and of what is gathered, not yet reported as sent
};

}  // namespace weir::codec

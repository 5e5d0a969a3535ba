// Which stream's bytes lie where in what one connection sends: the end of each DATA frame, in order, so that
// payload is reported when the last byte of its frame has left. Streams that ended meanwhile are their
// owner's business: ids are never used twice.
#pragma once

#include <cstdint>
#include <vector>

namespace weir::codec {

class H2Ledger {
 public:
  struct Frame {
    std::uint64_t end;  // of the connection's bytes, how many are gone when this frame is
    std::uint32_t payload;
    std::int32_t stream;
  };

  bool empty() const { return first_ == frames_.size(); }
  void add(const Frame& frame) { frames_.push_back(frame); }
  // Calls f(Frame) for each that is gone with the connection's first `gone` bytes, in order. f may call
  // anything but this.
  template <class F>
  void take(std::uint64_t gone, F&& f) {
    while (!empty() && frames_[first_].end <= gone) {
      const Frame frame = frames_[first_++];
      f(frame);
    }
    if (empty())
      clear();
    else if (first_ > kMostGone)
      forget_gone();
  }
  void clear() {
    if (frames_.capacity() > kMostGone) std::vector<Frame>().swap(frames_);
    frames_.clear();
    first_ = 0;
  }

 private:
  static constexpr std::size_t kMostGone = 64;

  void forget_gone() {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  std::vector<Frame> frames_;
  std::size_t first_ = 0;  // that is not gone
};

}  // namespace weir::codec

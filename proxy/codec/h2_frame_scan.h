// Where frames begin in what a peer sends, and which: told before anything is made of them, since nghttp2
// passes over some in silence. Goes by lengths alone. No I/O.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace weir::codec {

// RFC 9113 4.1.
struct H2FrameHead {
  enum Type : std::uint8_t {
    data,
    headers,
    priority,
    rst_stream,
    settings,
    push_promise,
    ping,
    goaway,
    window_update,
    continuation,
    priority_update = 16,  // RFC 9218
  };
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t length;

  bool ends_stream() const { return (flags & 1) != 0; }  // of DATA and HEADERS
};

class H2FrameScan {
 public:
  // `preface` bytes come before the first frame.
  explicit H2FrameScan(std::uint32_t preface) : skip_(preface) {}

  // Calls f(H2FrameHead) for each frame whose head is whole with these bytes, the next ones that came. Where
  // f says false it stops, for good: only so many of the bytes, all before that frame, are to be read.
  template <class F>
  std::size_t scan(std::string_view bytes, F&& f) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      if (skip_ > 0) {
        const auto passed = static_cast<std::uint32_t>(std::min<std::size_t>(skip_, bytes.size() - at));
        skip_ -= passed;
        at += passed;
        continue;
      }
      const std::size_t begin = at;
      while (size_ < kHead && at < bytes.size()) head_[size_++] = static_cast<std::uint8_t>(bytes[at++]);
      if (size_ < kHead) break;
      size_ = 0;
      const H2FrameHead head{head_[3], head_[4],
                             std::uint32_t{head_[0]} << 16 | std::uint32_t{head_[1]} << 8 | head_[2]};
      if (!f(head)) return begin;
      skip_ = head.length;
    }
    return bytes.size();
  }

 private:
  static constexpr std::size_t kHead = 9;

  std::uint32_t skip_;
  std::array<std::uint8_t, kHead> head_{};
  std::uint8_t size_ = 0;  // of the head, that have come
};

}  // namespace weir::codec

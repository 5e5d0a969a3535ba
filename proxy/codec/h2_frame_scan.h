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
  std::uint32_t stream;
  std::uint32_t subject;  // of PRIORITY and PRIORITY_UPDATE: the stream that their first bytes name

  bool ends_stream() const { return (flags & 1) != 0; }   // of DATA and HEADERS
  bool ends_headers() const { return (flags & 4) != 0; }  // of HEADERS and CONTINUATION
  bool padded() const { return (flags & 8) != 0; }        // likewise
};

class H2FrameScan {
 public:
  // `preface` bytes come before the first frame.
  explicit H2FrameScan(std::uint32_t preface) : skip_(preface) {}

  // Calls f(H2FrameHead) for each frame whose head (of some, with its first bytes) is whole with these bytes,
  // the next ones that came. Where f says false it stops, for good: only so many of the bytes, all before
  // that frame, are to be read.
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
      while (size_ < wanted() && at < bytes.size()) head_[size_++] = static_cast<std::uint8_t>(bytes[at++]);
      if (size_ < wanted()) break;
      const std::uint32_t length = length_of();
      const H2FrameHead head{head_[3], head_[4], length, stream_at(5), size_ > kHead ? stream_at(kHead) : 0};
      skip_ = length - (size_ - static_cast<std::uint32_t>(kHead));
      size_ = 0;
      if (!f(head)) return begin;
    }
    return bytes.size();
  }

 private:
  static constexpr std::size_t kHead = 9;
  static constexpr std::size_t kSubject = 4;

  // Bytes that are looked at together.
  std::size_t wanted() const {
    if (size_ < kHead) return kHead;
    const bool names = head_[3] == H2FrameHead::priority || head_[3] == H2FrameHead::priority_update;
    return names && length_of() >= kSubject ? kHead + kSubject : kHead;
  }
  std::uint32_t length_of() const {
    return std::uint32_t{head_[0]} << 16 | std::uint32_t{head_[1]} << 8 | head_[2];
  }
  std::uint32_t stream_at(std::size_t at) const {
    return (std::uint32_t{head_[at]} & 0x7f) << 24 | std::uint32_t{head_[at + 1]} << 16 |
           std::uint32_t{head_[at + 2]} << 8 | head_[at + 3];
  }

  std::uint32_t skip_;
  std::array<std::uint8_t, kHead + kSubject> head_{};
  std::uint8_t size_ = 0;  // of the head, that have come
};

}  // namespace weir::codec

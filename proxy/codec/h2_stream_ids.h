// On which streams a client may say something (RFC 9113 5.1). Those that it begins have higher numbers each
// than the one before, and those that it left out are closed with that: one that begins late is told apart
// from one that was there by the gaps that were left. On one that it has ended it says nothing more. The
// latest few of both are remembered. A value.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::codec {

class H2StreamIds {
 public:
  // HEADERS came on this stream. False: it was left out before.
  bool admit(std::uint32_t id) {
    if (id <= last_)
      return std::none_of(gaps_.begin(), gaps_.end(),
                          [id](const Gap& gap) { return gap.after < id && id < gap.before; });
    if (id > last_ + 2) gaps_[next_++ % gaps_.size()] = {last_, id};
    last_ = id;
    return true;
  }
  // It says that it has said all on this stream: by END_STREAM or RST_STREAM.
  void end(std::uint32_t id) { ended_[next_ended_++ % ended_.size()] = id; }
  bool has_ended(std::uint32_t id) const {
    return id <= last_ && std::find(ended_.begin(), ended_.end(), id) != ended_.end();
  }

 private:
  struct Gap {
    std::uint32_t after = 0;
    std::uint32_t before = 0;
  };
  std::array<Gap, 4> gaps_{};
  std::array<std::uint32_t, 32> ended_{};
  std::size_t next_ = 0, next_ended_ = 0;
  std::uint32_t last_ = 0;
};

}  // namespace weir::codec

// What one HTTP/2 peer may make us do besides its requests, each under a name. Rates are buckets that fill
// with time, which is passed in; whoever empties one is told to calm down, and the connection ends. Values;
// no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/base/time.h"

namespace weir::codec {

enum class H2Limit : std::uint8_t {
  none,
  // Rates, each counted in frames.
  client_resets,    // streams that the client opens and resets (rapid reset)
  provoked_resets,  // streams that it makes us reset: malformed, over its streams, against flow control
  pings,
  settings,
  empty_frames,    // DATA, HEADERS and CONTINUATION that carry nothing and end nothing
  window_updates,  // beyond those that what we send gives reason to
  priorities,      // PRIORITY and PRIORITY_UPDATE
  other_frames,    // of types that we do not know, or that say nothing to us
  // Sizes.
  header,         // of one head, far beyond what is answered with 431
  continuations,  // frames of one head
  acks,           // of pings and settings, that the peer does not read
};

std::string_view word(H2Limit limit);

struct H2Rate {
  std::uint32_t burst;  // at once
  std::uint32_t per_second;
};

struct H2Limits {
  std::uint32_t streams = 128;        // open at a time; more are refused
  std::uint32_t heads = 1024 * 1024;  // bytes of the heads of these; more are refused
  H2Rate client_resets{500, 50};
  H2Rate provoked_resets{100, 10};
  H2Rate pings{100, 10};
  H2Rate settings{20, 1};
  H2Rate empty_frames{100, 10};
  H2Rate window_updates{1000, 100};
  H2Rate priorities{500, 50};
  H2Rate other_frames{100, 10};
  std::uint32_t header_times = 4;    // this many times limits.header is beyond what is answered
  std::uint32_t continuations = 8;   // so that a head of 64 KiB fits with room to spare
  std::uint32_t acks = 200;          // more than pings and settings may ask for at once
  std::uint32_t settings_each = 32;  // entries of one SETTINGS frame
};

// The rates of one connection.
class H2Guard {
 public:
  // One more of what is bounded so; whether it is within its rate.
  bool take(H2Limit what, const H2Limits& limits, base::Time now);
  // What we did gives the peer a reason for so many of them.
  void give(H2Limit what, const H2Limits& limits, std::uint32_t count);

 private:
  static constexpr std::size_t kRates = static_cast<std::size_t>(H2Limit::other_frames) + 1;
  // When each bucket will be full again. A full one is in the past, so that an idle connection needs nothing.
  std::array<base::Time, kRates> full_at_{};
};

}  // namespace weir::codec

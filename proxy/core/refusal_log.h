// Weir's own log of requests that could not even be read: a line each, but not more than kMost a second,
// since whoever sends one can send a million; the rest are counted in a line. One a worker; loop thread only.
#pragma once

#include <cstdint>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/io/address.h"

namespace weir::core {

class RefusalLog {
 public:
  static constexpr std::uint32_t kMost = 50;

  void note(const base::Error& error, int status, const io::Ip& peer, base::Time now);

 private:
  base::Time second_began_{};
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace weir::core

// Weir's own log of what clients and nodes sent that could not be taken: a line each, but not more than kMost
// a second, since whoever sends one can send a million; the rest are counted in a line. One a worker; loop
// thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/io/address.h"

namespace weir::core {

class RefusalLog {
 public:
  static constexpr std::uint32_t kMost = 50;

  // `status`: what the client was answered; 0: the answer had begun, and was cut.
  void note_request(const base::Error& error, int status, const io::Ip& peer, base::Time now);
  void note_answer(const base::Error& error, std::string_view node, base::Time now);

 private:
  // Of one kind, so that a client cannot hide what nodes do.
  struct Lines {
    const std::string_view of;
    base::Time second_began{};
    std::uint32_t written = 0;
    std::uint64_t left_out = 0;
    bool admit(base::Time now);
  };
  Lines requests_{"requests"};
  Lines answers_{"answers"};
};

}  // namespace weir::core

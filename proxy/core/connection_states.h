// How many client connections there are, by what they do. A plain value.
#pragma once

#include <cstdint>

namespace weir::core {

struct ConnectionStates {
  std::uint64_t idle = 0;     // waiting for a request
  std::uint64_t reading = 0;  // part of a head has arrived
  std::uint64_t active = 0;   // a request is in flight
  std::uint64_t tunnel = 0;
  std::uint64_t closing = 0;  // the client takes the end of its last answer

  void operator+=(const ConnectionStates& other) {
    idle += other.idle;
    reading += other.reading;
    active += other.active;
    tunnel += other.tunnel;
    closing += other.closing;
  }
};

}  // namespace weir::core

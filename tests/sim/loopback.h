// 127.0.0.1 with a port.
#pragma once

#include <cstdint>

#include "proxy/io/address.h"

namespace weir::contract {

inline io::Address loopback(std::uint16_t port) {
  io::Address address;
  address.ip.family = io::Ip::Family::v4;
  address.ip.bytes = {127, 0, 0, 1};
  address.port = port;
  return address;
}

}  // namespace weir::contract

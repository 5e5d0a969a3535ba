// By which Host the admin port may be asked: localhost, the address where it listens, and those that
// admin.hosts names. Anything else could be the name of a stranger's page, pointed here to read what only an
// operator may (DNS rebinding). Ports do not matter, nor does the dot behind a whole name; addresses are
// compared as addresses, however they are written. A plain value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/io/address.h"

namespace weir::admin {

class AllowedHosts {
 public:
  // `address` is where the port listens; `hosts` are as the configuration has them: valid, without ports.
  AllowedHosts(io::Address address, const std::vector<std::string>& hosts);

  // `host` is a request's, valid or empty, perhaps with a port.
  bool allow(std::string_view host) const;

 private:
  io::Address address_;
  std::vector<std::string> names_{"localhost"};  // lower case
  std::vector<io::Ip> ips_;
};

}  // namespace weir::admin

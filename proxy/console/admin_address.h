// Which Weir a command is about: the address of its admin port. --admin wins, then --config, then the
// environment's WEIR_ADMIN, then the default port on loopback. Nothing is connected to here.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/io/address.h"

namespace weir::console {

// What the command line and the environment say; "" where they say nothing.
struct AdminSources {
  std::string admin;        // --admin
  std::string config;       // --config
  std::string environment;  // WEIR_ADMIN
};

// A host name is allowed here. The error is a sentence that says what to do.
base::Result<io::Address, std::string> find_admin(const AdminSources& sources);

}  // namespace weir::console

// Which Weir a command is about: the address of its admin port, and the token that it wants. --admin wins,
// then
// --config, then the environment's WEIR_ADMIN, then the default port on loopback; of tokens --token-file,
// then
// --config, then WEIR_TOKEN. Nothing is connected to here.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/io/address.h"

namespace weir::console {

// What the command line and the environment say; "" where they say nothing.
struct AdminSources {
  std::string admin{};        // --admin
  std::string config{};       // --config
  std::string environment{};  // WEIR_ADMIN
  std::string token_file{};   // --token-file
  std::string token{};        // WEIR_TOKEN
};

struct AdminPlace {
  io::Address address;
  std::string token{};         // "": none
  std::string agent = "weir";  // the User-Agent; "weir/VERSION COMMAND" has the log say which command it was
};

// A host name is allowed here. The error is a sentence that says what to do.
base::Result<AdminPlace, std::string> find_admin(const AdminSources& sources);

}  // namespace weir::console

// The command line of `weir nodes` and `weir top`, which look at a running Weir.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "proxy/console/admin_address.h"
#include "proxy/console/commands.h"

namespace weir::server {

class ConsoleCommands {
 public:
  explicit ConsoleCommands(CLI::App& app);
  ConsoleCommands(const ConsoleCommands&) = delete;  // the options write here
  ConsoleCommands& operator=(const ConsoleCommands&) = delete;

  // The exit code of the one that was asked for; nothing if none was. After parsing.
  std::optional<int> run();

 private:
  void add_source(CLI::App& command);

  console::AdminSources sources_;
  console::NodesOptions nodes_options_;
  CLI::App* nodes_;
  CLI::App* top_;
};

}  // namespace weir::server

// The command line of those commands that ask a running Weir.
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
  CLI::Option* add_source(CLI::App& command);
  int run(const CLI::App& command, const io::Address& admin) const;

  console::AdminSources sources_;
  console::NodesOptions nodes_options_;
  std::string diff_file_, diff_before_;
  CLI::App* nodes_;
  CLI::App* top_;
  CLI::App* reload_;
  CLI::App* diff_;
};

}  // namespace weir::server

// The command line of those commands that ask a running Weir.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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
  using Run = std::function<int(const console::AdminPlace& admin)>;
  struct Command {
    CLI::App* app;
    Run run;
  };

  CLI::App* add(CLI::App& app, const char* name, const char* what, Run run);
  CLI::Option* add_source(CLI::App& command);
  void add_nodes(CLI::App& app);
  void add_diff(CLI::App& app);
  void add_process(CLI::App& app);
  void add_edits(CLI::App& app);
  CLI::App* add_edit(CLI::App& app, console::NodeEdit::Kind kind, const char* name, const char* what);
  // What a node has beside its state.
  void add_figures(CLI::App& command);
  void add_lasting(CLI::App& command);
  void add_wait(CLI::App& command, const char* what);

  console::AdminSources sources_;
  console::NodesOptions nodes_options_;
  console::NodeEdit edit_;
  std::string drain_time_, wait_timeout_;
  std::string diff_file_, diff_before_;
  std::vector<Command> commands_;
};

}  // namespace weir::server

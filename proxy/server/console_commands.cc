#include "proxy/server/console_commands.h"

#include <cstdlib>

#include <fmt/format.h>

namespace weir::server {

using console::NodesOptions;

ConsoleCommands::ConsoleCommands(CLI::App& app)
    : nodes_(app.add_subcommand("nodes", "show the nodes of a running Weir")),
      top_(app.add_subcommand("top",
                              "show a running Weir's nodes live, on the whole terminal; h helps, q quits")),
      reload_(app.add_subcommand("reload", "have a running Weir read its configuration file again")),
      diff_(app.add_subcommand("diff",
                               "say what a configuration would change of a running Weir's, or of another")) {
  nodes_->add_option("POOL", nodes_options_.pool, "only this pool's")->check([](const std::string& name) {
    constexpr const char* kPoolBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const bool plain = !name.empty() && name.find_first_not_of(kPoolBytes) == std::string::npos;
    return plain ? "" : "\"" + name + "\" is no name of a pool";
  });
  nodes_->add_flag_callback(
      "--watch", [this] { nodes_options_.repeat = NodesOptions::Repeat::each_second; },
      "refresh it each second, until Ctrl-C");
  nodes_->add_flag_callback(
      "--json", [this] { nodes_options_.format = NodesOptions::Format::json; },
      "as the admin port's API says it");
  diff_->add_option("FILE", diff_file_, "the YAML configuration that would be put in force")->required();
  CLI::Option* before = diff_->add_option("--from", diff_before_, "not the one that runs: this FILE's");
  add_source(*nodes_);
  add_source(*top_);
  add_source(*reload_);
  add_source(*diff_)->excludes(before);
}

CLI::Option* ConsoleCommands::add_source(CLI::App& command) {
  CLI::Option* admin = command.add_option(
      "--admin", sources_.admin,
      "the admin port: HOST:PORT, [IPV6]:PORT or unix:/PATH; else WEIR_ADMIN, else 127.0.0.1:9901");
  command.add_option("--config", sources_.config, "take the admin port from this configuration FILE")
      ->excludes(admin);
  return admin;
}

std::optional<int> ConsoleCommands::run() {
  for (const CLI::App* command : {nodes_, top_, reload_, diff_}) {
    if (!*command) continue;
    if (!diff_before_.empty()) return console::show_diff(diff_before_, diff_file_);
    const char* environment = std::getenv("WEIR_ADMIN");
    sources_.environment = environment != nullptr ? environment : "";
    const auto admin = console::find_admin(sources_);
    if (admin) return run(*command, *admin);
    fmt::print(stderr, "weir {}: {}\n", command->get_name(), admin.error());
    return console::kRefused;
  }
  return std::nullopt;
}

int ConsoleCommands::run(const CLI::App& command, const io::Address& admin) const {
  if (&command == nodes_) return console::show_nodes(admin, nodes_options_);
  if (&command == reload_) return console::reload(admin);
  if (&command == diff_) return console::show_diff(admin, diff_file_);
  return console::show_top(admin);
}

}  // namespace weir::server

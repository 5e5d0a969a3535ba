#include "proxy/server/console_commands.h"

#include <cstdlib>

#include <fmt/format.h>

namespace weir::server {

using console::NodesOptions;

ConsoleCommands::ConsoleCommands(CLI::App& app)
    : nodes_(app.add_subcommand("nodes", "show the nodes of a running Weir")),
      top_(app.add_subcommand("top",
                              "show a running Weir's nodes live, on the whole terminal; h helps, q quits")) {
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
  add_source(*nodes_);
  add_source(*top_);
}

void ConsoleCommands::add_source(CLI::App& command) {
  CLI::Option* admin = command.add_option(
      "--admin", sources_.admin,
      "the admin port: HOST:PORT, [IPV6]:PORT or unix:/PATH; else WEIR_ADMIN, else 127.0.0.1:9901");
  command.add_option("--config", sources_.config, "take the admin port from this configuration FILE")
      ->excludes(admin);
}

std::optional<int> ConsoleCommands::run() {
  if (!*nodes_ && !*top_) return std::nullopt;
  const char* environment = std::getenv("WEIR_ADMIN");
  sources_.environment = environment != nullptr ? environment : "";
  const auto admin = console::find_admin(sources_);
  if (!admin) {
    fmt::print(stderr, "weir {}: {}\n", *nodes_ ? "nodes" : "top", admin.error());
    return console::kRefused;
  }
  return *nodes_ ? console::show_nodes(*admin, nodes_options_) : console::show_top(*admin);
}

}  // namespace weir::server

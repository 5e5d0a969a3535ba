#include "proxy/server/console_commands.h"

#include <cstdlib>

#include <fmt/format.h>

#include "proxy/server/version.h"

namespace weir::server {
namespace {

using console::AdminPlace;
using console::NodesOptions;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

ConsoleCommands::ConsoleCommands(CLI::App& app) {
  add_nodes(app);
  add(app, "top", "show a running Weir's nodes live, on the whole terminal; h helps, q quits",
      console::show_top);
  add_edits(app);
  add_process(app);
  add_diff(app);
}

CLI::App* ConsoleCommands::add(CLI::App& app, const char* name, const char* what, Run run) {
  CLI::App* command = app.add_subcommand(name, what);
  add_source(*command);
  commands_.push_back({command, std::move(run)});
  return command;
}

void ConsoleCommands::add_nodes(CLI::App& app) {
  CLI::App* nodes = add(app, "nodes", "show the nodes of a running Weir",
                        [this](const AdminPlace& admin) { return show_nodes(admin, nodes_options_); });
  nodes->add_option("POOL", nodes_options_.pool, "only this pool's")->check([](const std::string& name) {
    constexpr const char* kPoolBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const bool plain = !name.empty() && name.find_first_not_of(kPoolBytes) == std::string::npos;
    return plain ? "" : "\"" + name + "\" is no name of a pool";
  });
  nodes->add_flag_callback(
      "--watch", [this] { nodes_options_.repeat = NodesOptions::Repeat::each_second; },
      "refresh it each second, until Ctrl-C");
  nodes->add_flag_callback(
      "--json", [this] { nodes_options_.format = NodesOptions::Format::json; },
      "as the admin port's API says it");
}

void ConsoleCommands::add_diff(CLI::App& app) {
  CLI::App* diff =
      add(app, "diff", "say what a configuration would change of a running Weir's, or of another",
          [this](const AdminPlace& admin) { return console::show_diff(admin, diff_file_); });
  diff->add_option("FILE", diff_file_, "the YAML configuration that would be put in force")->required();
  diff->add_option("--from", diff_before_, "not the one that runs: this FILE's")
      ->excludes(diff->get_option("--admin"));
}

void ConsoleCommands::add_process(CLI::App& app) {
  add(app, "reload", "have a running Weir read its configuration file again", console::reload);
  add(app, "rollback", "have a running Weir go back to the configuration before", console::rollback);
  add(app, "history", "show the configurations that were in force, the latest first", console::show_history);
  add(app, "drain-self", "have what is before Weir send its clients elsewhere",
      [this](const AdminPlace& admin) { return console::drain_self(admin, drain_time_); })
      ->add_option("--for", drain_time_, "for so long, such as 30s, which is the default");
  add(app, "upgrade", "have another process, of the binary as it is now, take over", console::upgrade);
}

CLI::Option* ConsoleCommands::add_source(CLI::App& command) {
  CLI::Option* admin = command.add_option(
      "--admin", sources_.admin,
      "the admin port: HOST:PORT, [IPV6]:PORT or unix:/PATH; else WEIR_ADMIN, else 127.0.0.1:9901");
  command
      .add_option("--config", sources_.config,
                  "take the admin port and its token from this configuration FILE")
      ->excludes(admin);
  command.add_option("--token-file", sources_.token_file,
                     "the admin port's token is in FILE; else the configuration's, else WEIR_TOKEN");
  return admin;
}

std::optional<int> ConsoleCommands::run() {
  for (const Command& command : commands_) {
    if (!*command.app) continue;
    if (!diff_before_.empty()) return console::show_diff(diff_before_, diff_file_);
    sources_.environment = environment("WEIR_ADMIN");
    sources_.token = environment("WEIR_TOKEN");
    auto admin = console::find_admin(sources_);
    if (!admin) {
      fmt::print(stderr, "weir {}: {}\n", command.app->get_name(), admin.error());
      return console::kRefused;
    }
    admin->agent = fmt::format("weir/{} {}", kVersion, command.app->get_name());
    return command.run(*admin);
  }
  return std::nullopt;
}

}  // namespace weir::server

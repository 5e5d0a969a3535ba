#include "proxy/server/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/base/log.h"
#include "proxy/config/read.h"
#include "proxy/epoll/signals.h"
#include "proxy/server/console_commands.h"
#include "proxy/server/demo.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/program.h"
#include "proxy/server/supervisor.h"
#include "proxy/server/version.h"

namespace weir::server {
namespace {

struct RunOptions {
  std::string file;
  std::string pid_file;
  bool demo = false;
};

// Says on stderr all that is wrong or odd about it.
config::Loaded told(config::Loaded loaded) {
  for (const config::Diagnostic& diagnostic : loaded.diagnostics)
    fmt::print(stderr, "{}\n", diagnostic.text());
  return loaded;
}

std::string error_and_count(const config::Loaded& loaded) {
  const auto is_error = [](const config::Diagnostic& each) {
    return each.level == config::Diagnostic::Level::error;
  };
  const auto first = std::find_if(loaded.diagnostics.begin(), loaded.diagnostics.end(), is_error);
  const auto count = std::count_if(loaded.diagnostics.begin(), loaded.diagnostics.end(), is_error);
  if (count == 0) return "the configuration is invalid";
  return count == 1 ? first->text() : fmt::format("{}; and {} more", first->text(), count - 1);
}

std::vector<DemoAddress> demo_addresses(const config::Config& config) {
  std::vector<DemoAddress> addresses;
  for (const config::Pool& pool : config.pools)
    for (const config::Node& node : pool.nodes)
      if (node.address.kind == io::Address::Kind::ip && addresses.size() < 3)
        addresses.push_back(
            {node.address.ip.text(), node.address.port, fmt::format("node-{}", addresses.size() + 1)});
  return addresses;
}

// What curl is to be told of where Weir listens.
std::string for_curl(const io::Address& address) {
  if (address.kind == io::Address::Kind::unix_path)
    return fmt::format("--unix-socket {} http://localhost", address.text_);
  return "http://" + address.text();
}

void say_how_to_fail(const DemoAddress& node) {
  const bool v6 = node.host.find(':') != std::string::npos;
  const std::string at = fmt::format("http://{}{}{}:{}", v6 ? "[" : "", node.host, v6 ? "]" : "", node.port);
  fmt::print("    curl -X POST {}/fail       # {} fails its health checks, if it has any: it drains\n", at,
             node.name);
  fmt::print("    curl -X POST {}/recover    # and returns\n", at);
}

void say_where_to_look(const io::Address& admin) {
  std::error_code unknown;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  const std::string weir = unknown ? "weir" : self.string();
  if (admin.kind == io::Address::Kind::ip)
    fmt::print("    http://{}/                                # in a browser: the dashboard\n", admin.text());
  fmt::print("    {} nodes --admin {}    # or top\n", weir, admin.text());
}

void say_what_to_try(const Supervisor::Places& places, const std::vector<DemoAddress>& servers) {
  const std::string at = for_curl(places.first_listener);
  fmt::print("\n  Weir is running, and {} sample app servers behind it. In another terminal:\n\n",
             servers.size());
  fmt::print("    curl {}/                                  # again and again: each node has its turn\n", at);
  fmt::print("    curl -v {}/any/path                       # what the node saw\n", at);
  fmt::print("    for i in 1 2 3 4 5 6; do curl -s {}/; done\n", at);
  if (!servers.empty()) say_how_to_fail(servers.back());
  if (places.admin) say_where_to_look(*places.admin);
  fmt::print("    curl '{}/slow?ms=2000' & then Ctrl-C here # it finishes before Weir ends\n\n", at);
  std::fflush(stdout);
}

// What was taken back does not come into force by a restart.
config::Loaded load_confirmed(const RunOptions& options, std::string& rejected_hash) {
  config::Loaded file = config::read_file(options.file);
  auto confirmed = ConfirmedText(options.pid_file).instead_of(file.hash, options.file);
  if (!confirmed) return told(std::move(file));
  rejected_hash = file.hash;
  return std::move(*confirmed);
}

// An upgrade goes on with what is in force in the process before; what the file says, if that is something
// else, comes into force as it always does, guarded, once this process is in charge. But there is no upgrade
// with a file that is invalid.
config::Loaded load_in_force(const RunOptions& options, const Handover::Text& text,
                             std::string& rejected_hash) {
  config::Loaded file = config::read_file(options.file);
  if (!file.config) return told(std::move(file));
  config::Loaded in_force = config::read_text(text.in_force, options.file);
  if (!in_force.config) {  // it is of a version that knew other keys, or a token's file is gone
    if (file.hash == text.rejected_hash) return told(std::move(in_force));
    base::log_warning("what was in force before cannot be read: {}; {} is in force instead, without a guard",
                      error_and_count(in_force), options.file);
    return told(std::move(file));
  }
  in_force.text = text.in_force;
  if (file.hash == text.rejected_hash) rejected_hash = file.hash;
  return told(std::move(in_force));
}

// To which one may go back, if they are configurations to this version, too.
std::vector<History::Past> read_past(std::vector<History::Past> past, const History::Version& in_force,
                                     const std::string& file) {
  std::map<std::string, std::shared_ptr<const config::Config>> known = {{in_force.hash, in_force.config}};
  for (History::Past& each : past) {
    if (each.rejected) continue;
    auto& config = known[each.version.hash];
    if (!config)
      if (config::Loaded loaded = config::read_text(*each.version.text, file); loaded.config)
        config = std::make_shared<const config::Config>(std::move(*loaded.config));
    each.version.config = config;
    each.rejected = !config;
  }
  return past;
}

Reloader::Begin begin_of(config::Loaded loaded, std::string rejected_hash, std::vector<History::Past> past,
                         const RunOptions& options) {
  Reloader::Begin begin;
  begin.file = options.file;
  begin.version.config = std::make_shared<const config::Config>(std::move(*loaded.config));
  begin.version.text = std::make_shared<const std::string>(std::move(loaded.text));
  begin.version.hash = loaded.hash;
  begin.rejected_hash = std::move(rejected_hash);
  begin.pid_file = options.pid_file;
  begin.past = read_past(std::move(past), begin.version, options.file);
  return begin;
}

int run(const RunOptions& options, Program program) {
  epoll::Signals::block(kSignals);
  auto inheritance = Inheritance::take();
  if (!inheritance) return fmt::print(stderr, "{}; Weir does not start\n", inheritance.error()), 1;
  std::string rejected_hash;
  config::Loaded loaded = inheritance->handover().text.in_force.empty()
                              ? load_confirmed(options, rejected_hash)
                              : load_in_force(options, inheritance->handover().text, rejected_hash);
  if (!loaded.config) {
    inheritance->refuse(error_and_count(loaded));
    return 1;
  }
  base::set_log(loaded.config->log.level, loaded.config->log.format);
  if (!rejected_hash.empty())
    base::log_warning(
        "{} says what was taken back, so what was confirmed last is in force instead; mend the file, or have "
        "weir "
        "rollback write what is in force",
        options.file);
  std::vector<DemoAddress> addresses;
  if (options.demo) addresses = demo_addresses(*loaded.config);
  DemoServers demo(addresses);
  if (std::string error = demo.start(); !error.empty()) {
    base::log_error("the demo servers cannot start: {}; neither does Weir", error);
    inheritance->refuse("the demo servers of this process end with it (run without --demo)");
    return 1;
  }
  Reloader::Begin begin =
      begin_of(std::move(loaded), rejected_hash, std::move(inheritance->handover().history), options);
  return Supervisor(std::move(begin), std::move(program), std::move(*inheritance))
      .run([&](const Supervisor::Places& places) {
        if (options.demo) say_what_to_try(places, addresses);
      });
}

int check(const std::string& file) {
  config::Loaded loaded = told(config::read_file(file));
  if (!loaded.config) return 1;
  std::size_t nodes = 0;
  for (const config::Pool& pool : loaded.config->pools) nodes += pool.nodes.size();
  fmt::print("{}: ok: {}, {}, {}, {}\n", file, base::counted(loaded.config->listeners.size(), "listener"),
             base::counted(loaded.config->pools.size(), "pool"), base::counted(nodes, "node"),
             base::counted(loaded.config->routes.size(), "route"));
  return 0;
}

// One line, as of every command that refuses.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string command = app->get_name();
  for (const CLI::App* given : app->get_subcommands()) command += " " + given->get_name();
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return fmt::format("{}: {}; {} --help says more\n", command, text, command);
}

}  // namespace

int run_command(int argc, char** argv) {
  CLI::App app("Weir: a layer-7 load balancer and reverse proxy", "weir");
  app.require_subcommand(1);
  app.failure_message(usage_error);
  app.set_version_flag("--version", fmt::format("weir {}", kVersion));
  Program program = Program::of_this_process(argc, argv);
  RunOptions options;
  CLI::App* run_app = app.add_subcommand("run", "carry traffic as the configuration FILE says");
  run_app->add_option("FILE", options.file, "the YAML configuration")->required();
  run_app->add_option("--pid-file", options.pid_file, "write the process id to PATH; removed at the end");
  run_app->add_flag("--demo", options.demo,
                    "also start sample app servers on the first three node addresses");
  std::string check_file;
  CLI::App* check_app =
      app.add_subcommand("check", "say everything that is wrong with FILE; exit 1 if anything is");
  check_app->add_option("FILE", check_file, "the YAML configuration")->required();
  ConsoleCommands console(app);
  CLI::App* version_app = app.add_subcommand("version", "print the version");
  const auto is_given = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_given).empty()) {
    fmt::print(stderr, "weir: there is no command \"{}\"; weir --help says which there are\n", argv[1]);
    return 1;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  if (const auto code = console.run()) return *code;
  if (*version_app) return fmt::print("weir {}\n", kVersion), 0;
  return *check_app ? check(check_file) : run(options, std::move(program));
}

}  // namespace weir::server

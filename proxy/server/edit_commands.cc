// The command line of those commands that are about one node.
#include "proxy/server/console_commands.h"

#include "balancer/node_set.h"
#include "proxy/config/scalar.h"

namespace weir::server {
namespace {

using console::AdminPlace;
using console::NodeEdit;

// By the configuration's reader of such values; "" if it is one.
template <class Reader>
std::string problem_of(const std::string& text, Reader&& read) {
  config::Value value;
  value.kind = config::Value::Kind::scalar;
  value.text = text;
  config::Report report("");
  read(config::Field{value, "", report});
  return report.failed() ? report.take().front().what : std::string();
}

std::string read_time(const std::string& text, base::Duration& out) {
  return problem_of(text,
                    [&](const config::Field& field) { config::read_duration(field, out, config::kTimeout); });
}

// What is none is refused before anything is asked for.
std::string check_time(const std::string& text) {
  base::Duration ignored{};
  return read_time(text, ignored);
}

std::string check_max_in_flight(const std::string& text) {
  std::uint64_t ignored = 0;
  return problem_of(text, [&](const config::Field& field) { config::read_max_in_flight(field, ignored); });
}

std::string check_max_connections(const std::string& text) {
  std::uint64_t ignored = 0;
  return problem_of(text, [&](const config::Field& field) { config::read_max_connections(field, ignored); });
}

}  // namespace

void ConsoleCommands::add_edits(CLI::App& app) {
  using Kind = NodeEdit::Kind;
  CLI::App* drain = add_edit(app, Kind::drain, "drain", "give a node nothing new; what it has goes on");
  add_lasting(*drain);
  add_wait(*drain, "until nothing is in flight there");
  add_edit(app, Kind::undrain, "undrain", "give a node work again");
  CLI::App* weight = add_edit(app, Kind::weight, "weight", "give a node another share");
  weight->add_option("WEIGHT", edit_.weight, "1 to 1000")->required()->check(CLI::Range(1, 1000));
  add_lasting(*weight);
  CLI::App* set = add_edit(app, Kind::set, "set", "give a node another share, tier or limit");
  add_figures(*set);
  set->add_flag_callback(
         "--no-backup", [this] { edit_.backup = false; }, "no backup any more; of the first tier")
      ->excludes("--backup");
  add_lasting(*set);
  add_figures(*add_edit(app, Kind::add, "add", "add a node to a pool"));
  CLI::App* remove = add_edit(app, Kind::remove, "remove", "take a node from a pool");
  add_wait(*remove, "first, while it drains, until nothing is in flight there");
  add_edit(app, Kind::down, "down", "give a node nothing new, whatever its checks say");
  add_edit(app, Kind::up, "up", "let a node's checks say again whether it gets work");
  CLI::App* why = add(app, "why", "say how a node is, why, and what happened to it",
                      [this](const AdminPlace& admin) { return show_why(admin, edit_.pool, edit_.node); });
  why->add_option("POOL", edit_.pool, "its pool")->required();
  why->add_option("NODE", edit_.node, "its address, as weir nodes shows it")->required();
}

CLI::App* ConsoleCommands::add_edit(CLI::App& app, NodeEdit::Kind kind, const char* name, const char* what) {
  CLI::App* command = add(app, name, what, [this, kind](const AdminPlace& admin) {
    edit_.kind = kind;
    base::Duration timeout{};
    if (!wait_timeout_.empty() && read_time(wait_timeout_, timeout).empty()) edit_.timeout = timeout;
    return console::edit_node(admin, edit_);
  });
  command->add_option("POOL", edit_.pool, "its pool")->required();
  command->add_option("NODE", edit_.node, "its address, as the configuration or weir nodes has it")
      ->required();
  return command;
}

void ConsoleCommands::add_figures(CLI::App& command) {
  command.add_option("--weight", edit_.weight, "its share, 1 to 1000")->check(CLI::Range(1, 1000));
  command
      .add_option("--priority", edit_.priority,
                  "its tier, 0 to 15: those of the lowest take the work while they can")
      ->check(CLI::Range(std::uint32_t{0}, std::uint32_t{balancer::kLastPriority}));
  command.add_flag_callback(
      "--backup", [this] { edit_.backup = true; }, "takes work while no other node can; has no priority");
  command
      .add_option("--max-in-flight", edit_.max_in_flight,
                  "most requests there at a time: a number, adaptive or unlimited")
      ->check(check_max_in_flight);
  command
      .add_option("--max-connections", edit_.max_connections,
                  "most connections to it at a time: a number or unlimited")
      ->check(check_max_connections);
}

void ConsoleCommands::add_lasting(CLI::App& command) {
  command.add_option("--for", edit_.time, "for so long, such as 20m, and not written into the file")
      ->check(check_time);
  command.add_flag_callback(
      "--temporary", [this] { edit_.lasting = NodeEdit::Lasting::temporary; },
      "until another order comes, and not written into the file");
}

void ConsoleCommands::add_wait(CLI::App& command, const char* what) {
  CLI::Option* wait = command.add_flag_callback(
      "--wait", [this] { edit_.wait = NodeEdit::Wait::until_idle; }, std::string("wait ") + what);
  command.add_option("--timeout", wait_timeout_, "of the wait, such as 5m; else as long as it takes")
      ->check(check_time)
      ->needs(wait);
}

}  // namespace weir::server

#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/console/commands.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/status.h"
#include "proxy/console/terminal.h"
#include "proxy/http/percent.h"

namespace weir::console {
namespace {

void print(const Table& table) {
  const bool on_terminal = is_terminal(STDOUT_FILENO);
  const std::size_t width = on_terminal ? terminal_size(STDOUT_FILENO).columns : kNoLimit;
  for (const std::string& line : table.lines(width, colours_for(STDOUT_FILENO))) fmt::print("{}\n", line);
}

Row row_of_word(const Json& node, const char* word) {
  const Json& state = node.at(word);
  return {
      {word}, {text_of(state, "state")}, {local_time(text_of(state, "since"))}, {text_of(state, "reason")}};
}

Row row_of_check(const Json& node) {
  const Json& check = node.at("last_check");
  if (check.is_null()) return {{"last check"}, {"none"}, {""}, {""}};
  return {{"last check"},
          {check.at("passed") == true ? "passed" : "failed"},
          {local_time(text_of(check, "time"))},
          {fmt::format("{} ({:.1f}ms)", text_of(check, "outcome"), check.at("duration_ms").get<double>())}};
}

void print_words(const Json& node) {
  Table words({{"WORD"}, {"IS"}, {"SINCE"}, {"WHY"}});
  for (const char* word : {"operator", "health", "ejection"}) words.add(row_of_word(node, word));
  words.add(row_of_check(node));
  print(words);
}

void print_transitions(const Json& node) {
  const Json& transitions = node.at("transitions");
  if (transitions.empty()) return fmt::print("\nnothing has changed since it is a node\n");
  Table table({{"TIME"}, {"WHAT"}, {"WHY"}});
  for (const Json& each : transitions)
    table.add(
        {{local_time(text_of(each, "time"))},
         {fmt::format("{} {} -> {}", text_of(each, "word"), text_of(each, "from"), text_of(each, "to"))},
         {text_of(each, "reason")}});
  fmt::print("\n");
  print(table);
}

void print_node(const Json& node) {
  fmt::print("{} {}: {}, weight {}, {} in flight\n\n", text_of(node, "pool"), text_of(node, "address"),
             node.at("eligible") == true ? "eligible" : "not eligible", node.at("weight").get<std::size_t>(),
             base::counted(node.at("in_flight").get<std::size_t>(), "request"));
  print_words(node);
  print_transitions(node);
}

void print_snapshot(const Json& snapshot) {
  fmt::print("{}  {:<11}  {}  {}\n", local_time(text_of(snapshot, "time")), text_of(snapshot, "state"),
             text_of(snapshot, "hash"), text_of(snapshot, "author"));
  if (const std::string reason = text_of(snapshot, "reason"); !reason.empty()) fmt::print("    {}\n", reason);
  for (const Json& change : snapshot.at("changes")) fmt::print("    {}\n", change_text(change));
}

// What the path answers, printed.
template <class Print>
int show(const AdminPlace& admin, std::string_view command, const std::string& path, Print print) {
  const Read read = read_answer(AdminClient(admin).get(path), admin);
  if (read.problem) return refuse(command, *read.problem);
  try {
    print(read.json);
    return kDone;
  } catch (const Json::exception& error) {
    return refuse(command, unreadable(error.what(), admin.address));
  }
}

}  // namespace

int show_why(const AdminPlace& admin, const std::string& pool, const std::string& node) {
  const std::string path =
      fmt::format("/api/pools/{}/nodes/{}", http::percent_encoded(pool), http::percent_encoded(node));
  return show(admin, "why", path, print_node);
}

int show_history(const AdminPlace& admin) {
  return show(admin, "history", "/api/history", [](const Json& history) {
    for (const Json& snapshot : history.at("snapshots")) print_snapshot(snapshot);
    if (history.at("snapshots").empty()) fmt::print("nothing is remembered yet\n");
  });
}

}  // namespace weir::console

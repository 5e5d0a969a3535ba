#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/console/commands.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/node_table.h"
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
  for (const char* word : {"operator", "health", "ejection", "agent"})
    if (node.contains(word)) words.add(row_of_word(node, word));
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

// "" of one in the first tier.
std::string tier_of(const Json& node) {
  if (node.value("backup", false)) return ", a backup";
  const Json priority = node.value("priority", Json());
  return priority.is_number() && priority != 0 ? fmt::format(", priority {}", priority.get<std::size_t>())
                                               : std::string();
}

// "3 requests", or "3 of 10 requests".
std::string counted_of(std::uint64_t count, const Json& most, const char* noun) {
  if (!most.is_number()) return base::counted(count, noun);
  return fmt::format("{} of {}", count, base::counted(most.get<std::size_t>(), noun));
}

std::string load_of(const Json& node) {
  std::string text =
      counted_of(node.at("in_flight").get<std::size_t>(), node.value("max_in_flight", Json()), "request") +
      " in flight";
  if (node.value("adaptive", false)) text += " (a learned limit)";
  const Json most = node.value("max_connections", Json());
  if (most.is_number())
    text += ", " + counted_of(node.at("connections").at("open").get<std::size_t>(), most, "connection");
  return text;
}

// Of a pool with limits: they may be why the node has nothing to do, or too much.
void print_pool(const AdminPlace& admin, const std::string& name) {
  const Read read = read_answer(AdminClient(admin).get("/api/pools/" + http::percent_encoded(name)), admin);
  const auto pools = read_pools(read.json.dump());
  if (pools && !pools->empty() && pools->front().is_bounded()) fmt::print("{}\n", summary(pools->front()));
}

void print_node(const AdminPlace& admin, const Json& node) {
  const bool suspect = node.value("suspect", false), full = node.value("full", false);
  fmt::print("{} {}: {}{}{}, weight {}, {}\n", text_of(node, "pool"), text_of(node, "address"),
             node.at("eligible") == true ? "eligible"
             : full                      ? "full"
                                         : "not eligible",
             suspect ? ", suspect" : "", tier_of(node), node.at("weight").get<std::size_t>(), load_of(node));
  print_pool(admin, text_of(node, "pool"));
  fmt::print("\n");
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
  return show(admin, "why", path, [&](const Json& json) { print_node(admin, json); });
}

int show_history(const AdminPlace& admin) {
  return show(admin, "history", "/api/history", [](const Json& history) {
    for (const Json& snapshot : history.at("snapshots")) print_snapshot(snapshot);
    if (history.at("snapshots").empty()) fmt::print("nothing is remembered yet\n");
  });
}

}  // namespace weir::console

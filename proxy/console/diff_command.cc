#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/base/counted.h"
#include "proxy/config/diff.h"
#include "proxy/config/read.h"
#include "proxy/config/to_json.h"
#include "proxy/console/admin_client.h"
#include "proxy/console/commands.h"
#include "proxy/console/json_answer.h"
#include "proxy/console/problem.h"

namespace weir::console {
namespace {

using Json = nlohmann::json;

std::optional<config::Config> read(const std::string& file) {
  config::Loaded loaded = config::read_file(file);
  for (const config::Diagnostic& diagnostic : loaded.diagnostics)
    fmt::print(stderr, "{}\n", diagnostic.text());
  return std::move(loaded.config);
}

// The running configuration's text does not tell its token. It passes for the wanted one; for some one where
// none is wanted.
std::string with_token(std::string text, const std::string& wanted) {
  const std::string masked = fmt::format("\"token\": \"{}\"", config::kMasked);
  const std::size_t at = text.find(masked);
  if (at != text.npos)
    text.replace(at, masked.size(),
                 fmt::format("\"token\": \"{}\"", wanted.empty() ? "0000000000000000" : wanted));
  return text;
}

// What is under way at nodes and listeners, by their paths in a configuration.
using Touched = std::map<std::string, std::string>;

// A tunnel is a request in flight, too; here it is none.
std::string under_way(std::size_t in_flight, const Json& connections) {
  const auto open = connections.at("open").get<std::size_t>();
  const auto tunnels = std::min(in_flight, connections.value("tunnels", std::size_t{0}));
  return fmt::format("{}, {} in flight, {}", base::counted(tunnels, "tunnel"),
                     base::counted(in_flight - tunnels, "request"), base::counted(open, "connection"));
}

Touched touched(const Json& pools, const Json& connections) {
  Touched touched;
  for (const Json& pool : pools.at("pools"))
    for (const Json& node : pool.at("nodes"))
      touched[fmt::format("pools.{}.nodes[{}]", pool.at("name").get<std::string>(),
                          node.at("address").get<std::string>())] =
          under_way(node.at("in_flight").get<std::size_t>(), node.at("connections"));
  for (const Json& listener : connections.at("listeners"))
    touched[fmt::format("listeners[{}]", listener.at("address").get<std::string>())] =
        fmt::format("{}, {}", base::counted(listener.at("states").at("tunnel").get<std::size_t>(), "tunnel"),
                    base::counted(listener.at("open").get<std::size_t>(), "client connection"));
  return touched;
}

// Nothing that is added, and nothing whose settings alone change, ends anything.
int print(const config::Config& from, const config::Config& to, const Touched& touched) {
  const auto changes = config::diff(from, to);
  for (const config::Change& change : changes) {
    const auto found = touched.find(change.path);
    const bool ends = change.kind == config::Change::Kind::removed && found != touched.end();
    fmt::print("{}{}\n", change.text(),
               ends ? fmt::format("  ({}: finished, then let go)", found->second) : "");
  }
  if (changes.empty()) fmt::print("no difference\n");
  return kDone;
}

}  // namespace

int show_diff(const AdminPlace& admin, const std::string& file) {
  const auto wanted = read(file);
  if (!wanted) return kRefused;
  const AdminClient client(admin);
  const auto fetched = fetch(client, {"/api/config", "/api/pools", "/api/connections"});
  if (const auto problem = problem_of(fetched, admin.address)) return refuse("diff", *problem);
  const config::Loaded running = config::read_text(with_token(fetched.answers[0].body, wanted->admin.token),
                                                   "the running configuration");
  const Json pools = Json::parse(fetched.answers[1].body, nullptr, false);
  const Json connections = Json::parse(fetched.answers[2].body, nullptr, false);
  try {
    if (running.config) return print(*running.config, *wanted, touched(pools, connections));
  } catch (const Json::exception& error) {
    return refuse("diff", unreadable(error.what(), admin.address));
  }
  return refuse("diff", unreadable("its configuration is none that this version reads", admin.address));
}

int show_diff(const std::string& before, const std::string& file) {
  const auto from = read(before), to = read(file);
  return from && to ? print(*from, *to, {}) : kRefused;
}

}  // namespace weir::console

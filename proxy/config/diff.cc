#include "proxy/config/diff.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/config/to_json.h"

namespace weir::config {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Change::Kind;

// What a list's items are told apart by; "": they have no names, so that the list is one value.
std::string_view name_key(std::string_view path) {
  if (path == "listeners" || path.ends_with(".nodes")) return "address";
  return path == "routes" ? "name" : "";
}

// The members of an object, or of a list by their names, in order.
using Members = std::vector<std::pair<std::string, const Json*>>;

Members members_of(const Json& json, std::string_view key) {
  Members members;
  members.reserve(json.size());
  if (json.is_object())
    for (const auto& [name, value] : json.items()) members.emplace_back(name, &value);
  else
    for (const Json& item : json) members.emplace_back(item.at(key).get<std::string>(), &item);
  return members;
}

class Comparison {
 public:
  void compare(const std::string& path, const Json& from, const Json& to) {
    if (from == to) return;
    const std::string_view key = name_key(path);
    const bool both_have_members = (from.is_object() && to.is_object()) || !key.empty();
    if (!both_have_members) return note(Kind::changed, path, from.dump(), to.dump());
    compare(path, members_of(from, key), members_of(to, key), key);
  }

  std::vector<Change> take() { return std::move(changes_); }

 private:
  void compare(const std::string& path, const Members& from, const Members& to, std::string_view key) {
    std::unordered_multimap<std::string_view, const Json*> before;
    for (const auto& [name, value] : from) before.emplace(name, value);
    const std::size_t changes = changes_.size();
    for (const auto& [name, value] : to) {
      const std::string at = path_of(path, name, key);
      const auto known = before.find(name);
      if (known == before.end()) {
        note(Kind::added, at, "", value->dump());
        continue;
      }
      compare(at, *known->second, *value);
      before.erase(known);
    }
    for (const auto& [name, value] : from)
      if (const auto gone = before.find(name); gone != before.end() && gone->second == value)
        note(Kind::removed, path_of(path, name, key), value->dump(), "");
    if (changes_.size() == changes) note(Kind::changed, path, "\"another order\"", "\"this order\"");
  }

  static std::string path_of(const std::string& path, const std::string& name, std::string_view key) {
    if (!key.empty()) return fmt::format("{}[{}]", path, name);
    return path.empty() ? name : fmt::format("{}.{}", path, name);
  }

  void note(Kind kind, std::string path, std::string from, std::string to) {
    changes_.push_back({kind, std::move(path), std::move(from), std::move(to)});
  }

  std::vector<Change> changes_;
};

// One that is another without saying so, since it is not shown.
void mark_token(const Config& from, const Config& to, Json& marked) {
  if (from.admin.token.empty() || to.admin.token.empty() || from.admin.token == to.admin.token) return;
  const auto admin = marked.find("admin");
  if (admin->is_object()) (*admin)["token"] = fmt::format("another {}", kMasked);
}

// Likewise, of pools.
void mark_secrets(const Config& from, const Config& to, Json& marked) {
  std::unordered_map<std::string_view, const std::string*> before;
  for (const Pool& pool : from.pools)
    if (pool.sticky && !pool.sticky->secret.empty()) before.emplace(pool.name, &pool.sticky->secret);
  for (const Pool& pool : to.pools) {
    const auto known = before.find(pool.name);
    if (known == before.end() || !pool.sticky || pool.sticky->secret.empty()) continue;
    if (*known->second != pool.sticky->secret)
      marked["pools"][pool.name]["sticky"]["secret"] = fmt::format("another {}", kMasked);
  }
}

// Without what both lists begin and end with.
template <class Item>
void leave_differences(std::vector<Item>& from, std::vector<Item>& to) {
  const auto begin = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
  from.erase(from.begin(), begin.first);
  to.erase(to.begin(), begin.second);
  const auto end = std::mismatch(from.rbegin(), from.rend(), to.rbegin(), to.rend());
  from.erase(end.first.base(), from.end());
  to.erase(end.second.base(), to.end());
}

// Without pools, nodes and routes that are the same in both, since there may be thousands of them.
void leave_differences(Config& from, Config& to) {
  std::unordered_map<std::string_view, Pool*> others;
  for (Pool& pool : to.pools) others.emplace(pool.name, &pool);
  std::unordered_set<std::string> same;
  for (Pool& pool : from.pools) {
    const auto found = others.find(pool.name);
    if (found == others.end()) continue;
    leave_differences(pool.nodes, found->second->nodes);
    if (pool == *found->second) same.insert(pool.name);
  }
  for (Config* config : {&from, &to})
    std::erase_if(config->pools, [&](const Pool& pool) { return same.contains(pool.name); });
  leave_differences(from.routes, to.routes);
}

}  // namespace

std::string_view word(Change::Kind kind) {
  switch (kind) {
    case Kind::added:
      return "added";
    case Kind::removed:
      return "removed";
    case Kind::changed:
      break;
  }
  return "changed";
}

std::string Change::text() const {
  switch (kind) {
    case Kind::added:
      return fmt::format("+ {}: {}", path, to);
    case Kind::removed:
      return fmt::format("- {}", path);
    case Kind::changed:
      break;
  }
  return fmt::format("~ {}: {} -> {}", path, from, to);
}

std::vector<Change> diff(const Config& from, const Config& to) {
  if (from == to) return {};
  Config before = from, after = to;
  leave_differences(before, after);
  Json after_json = Json::parse(to_json(after));
  mark_token(from, to, after_json);
  mark_secrets(before, after, after_json);
  Comparison comparison;
  comparison.compare("", Json::parse(to_json(before)), after_json);
  return comparison.take();
}

}  // namespace weir::config

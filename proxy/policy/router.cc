#include "proxy/policy/router.h"

#include <algorithm>
#include <bit>
#include <map>

#include "proxy/base/check.h"
#include "proxy/http/fields.h"
#include "proxy/http/uri.h"
#include "proxy/policy/listener_routers.h"

namespace weir::policy {

namespace {

constexpr std::uint64_t kSeed = 0xcbf29ce484222325;  // FNV-1a
constexpr std::uint64_t kPrime = 0x100000001b3;

// Hosts are hashed from their end, so that one pass yields the hash of every suffix.
std::uint64_t extend(std::uint64_t hash, char c) {
  auto byte = static_cast<unsigned char>(c);
  if (byte >= 'A' && byte <= 'Z') byte |= 0x20;
  return (hash ^ byte) * kPrime;
}

std::uint64_t finish(std::uint64_t hash) {
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 32);
}

std::uint64_t hash_of(std::string_view pattern) {
  std::uint64_t hash = kSeed;
  for (std::size_t i = pattern.size(); i-- > 0;) hash = extend(hash, pattern[i]);
  return finish(hash);
}

std::string_view bare(std::string_view host) {
  host = http::host_without_port(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace

Router::Router(const std::vector<config::Route>& routes) : Router(rules_of_requests(routes, "")) {}

Router::Router(std::span<const Rule> rules) {
  std::map<std::string_view, std::vector<std::pair<std::string_view, std::uint32_t>>> by_host;
  for (const Rule& rule : rules) by_host[rule.host].emplace_back(rule.path, rule.route);
  for (auto& [host, paths] : by_host) add_group(host, paths);
  build_table();
  if (!rules.empty() && rules[0].host.empty() && rules[0].path.empty()) takes_all_ = rules[0].route;
}

void Router::add_group(std::string_view host,
                       std::vector<std::pair<std::string_view, std::uint32_t>>& paths) {
  Group group{std::string(host), static_cast<std::uint32_t>(prefixes_.size()), 0, kNone};
  if (host.starts_with("*.")) {
    group.pattern.erase(0, 1);
    longest_wildcard_ = std::max(longest_wildcard_, group.pattern.size());
  }
  if (host.empty()) any_host_ = groups_.size();
  std::sort(paths.begin(), paths.end());  // of equal prefixes the first route comes first
  std::uint32_t above = kNone;
  for (const auto& [path, route] : paths) {
    while (above != kNone && !path.starts_with(text(prefixes_[above]))) above = prefixes_[above].parent;
    group.first = std::min(group.first, route);
    // A shorter prefix of an earlier route hides this one. So along the parents, routes come later and later.
    if (above != kNone && prefixes_[above].route < route) continue;
    prefixes_.push_back(
        {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(path.size()), route, above});
    text_.append(path);
    above = static_cast<std::uint32_t>(prefixes_.size() - 1);
  }
  group.end = static_cast<std::uint32_t>(prefixes_.size());
  groups_.push_back(std::move(group));
}

void Router::build_table() {
  table_.resize(std::bit_ceil(2 * groups_.size() + 1));
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    const std::uint64_t hash = hash_of(groups_[i].pattern);
    std::size_t at = hash & (table_.size() - 1);
    while (table_[at].group != kNone) at = (at + 1) & (table_.size() - 1);
    table_[at] = {hash, i};
  }
}

std::optional<std::size_t> Router::route(std::string_view host, std::string_view path) const {
  if (takes_all_ != kNone) return takes_all_;
  std::uint32_t best = kNone;
  if (any_host_) best = earlier(best, &groups_[*any_host_], path);
  if (groups_.size() > (any_host_ ? 1U : 0U)) best = earlier_of_host(best, bare(host), path);
  if (best == kNone) return std::nullopt;
  return best;
}

std::uint32_t Router::earlier_of_host(std::uint32_t best, std::string_view host,
                                      std::string_view path) const {
  std::uint64_t hash = kSeed;
  for (std::size_t i = host.size(); i-- > 0;) {
    hash = extend(hash, host[i]);
    if (host[i] != '.' || i == 0 || host.size() - i > longest_wildcard_) continue;
    best = earlier(best, find_group(finish(hash), host.substr(i)), path);
  }
  if (!host.empty() && host.front() != '.') best = earlier(best, find_group(finish(hash), host), path);
  return best;
}

const Router::Group* Router::find_group(std::uint64_t hash, std::string_view pattern) const {
  for (std::size_t at = hash & (table_.size() - 1); table_[at].group != kNone;
       at = (at + 1) & (table_.size() - 1)) {
    if (table_[at].hash != hash) continue;
    const Group& group = groups_[table_[at].group];
    if (http::same_name(group.pattern, pattern)) return &group;
  }
  return nullptr;
}

std::uint32_t Router::earlier(std::uint32_t best, const Group* group, std::string_view path) const {
  if (group == nullptr || group->first >= best) return best;
  const Prefix* begin = prefixes_.data() + group->begin;
  const Prefix* end = prefixes_.data() + group->end;
  // All that begins the path sorts before it, and the longest of these is the nearest before it or a parent
  // of that.
  const Prefix* found = std::upper_bound(
      begin, end, path, [&](std::string_view wanted, const Prefix& prefix) { return wanted < text(prefix); });
  if (found == begin) return best;
  for (auto at = static_cast<std::uint32_t>(found - 1 - prefixes_.data()); at != kNone;
       at = prefixes_[at].parent)
    if (path.starts_with(text(prefixes_[at]))) return std::min(best, prefixes_[at].route);
  return best;
}

}  // namespace weir::policy

// Which route a request takes: the first, in the configuration's order, whose host and path both match. Built
// once from the routes and immutable; any number of threads may ask at once. A lookup allocates nothing: one
// hash over the host, a table look-up for each of its labels if there are wildcards, and a binary search in
// each group of routes that may still hold an earlier one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"

namespace weir::policy {

class Router {
 public:
  // What a route wants, by its index. The rules stand in the configuration's order.
  struct Rule {
    std::string_view host;  // as config::Match has it
    std::string_view path;
    std::uint32_t route;
  };

  explicit Router(std::span<const Rule> rules);
  // Of requests, at listeners that no route names.
  explicit Router(const std::vector<config::Route>& routes);

  // The index of the route. `host` is as received: any case, with or without port or trailing dot; `path` is
  // in normal form and without query.
  std::optional<std::size_t> route(std::string_view host, std::string_view path) const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // A path prefix within its group.
  struct Prefix {
    std::uint32_t at = 0;  // in text_
    std::uint32_t size = 0;
    std::uint32_t route = kNone;   // the first of this prefix
    std::uint32_t parent = kNone;  // the longest prefix of the group that begins this one, in prefixes_
  };
  // The routes of one host pattern: a range of prefixes_, sorted by text.
  struct Group {
    // "api.example.com"; ".example.com" for *.example.com, which begins with a dot as no host does that is
    // looked up whole; "" for any host.
    std::string pattern;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t first = kNone;  // the earliest route in it
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t group = kNone;
  };

  void add_group(std::string_view host, std::vector<std::pair<std::string_view, std::uint32_t>>& paths);
  void build_table();
  std::string_view text(const Prefix& prefix) const { return {text_.data() + prefix.at, prefix.size}; }
  const Group* find_group(std::uint64_t hash, std::string_view pattern) const;
  // The earlier of `best` and the first route of the group whose prefix begins the path.
  std::uint32_t earlier(std::uint32_t best, const Group* group, std::string_view path) const;
  // Likewise, of all groups whose pattern the host has; without port or trailing dot.
  std::uint32_t earlier_of_host(std::uint32_t best, std::string_view host, std::string_view path) const;

  std::uint32_t takes_all_ = kNone;  // the first route, if it names neither host nor path
  std::string text_;
  std::vector<Prefix> prefixes_;
  std::vector<Group> groups_;
  std::vector<Slot> table_;              // open addressing; a power of two, at most half full
  std::optional<std::size_t> any_host_;  // the group of routes without a host
  std::size_t longest_wildcard_ = 0;     // bytes of the longest wildcard's pattern; 0: there is none
};

}  // namespace weir::policy

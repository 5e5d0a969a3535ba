// What the cookie of a sticky pool says: for each node a text that nobody can make who does not know the
// secret, and of which nobody learns which node it is. It follows from secret, pool and node alone, so that
// it is good over reloads, and on machines that share the secret. Immutable; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/config.h"

namespace weir::core {

class StickyTokens {
 public:
  // `nodes`: their addresses, as text.
  StickyTokens(const config::Sticky& sticky, std::string_view secret, std::string_view pool,
               const std::vector<std::string_view>& nodes);
  StickyTokens(const StickyTokens&) = delete;
  StickyTokens& operator=(const StickyTokens&) = delete;

  const std::string& name() const { return name_; }
  // The node, by its place, that a cookie of this value names; none: nobody made it here, or its node is
  // gone.
  std::optional<std::size_t> find(std::string_view value) const;
  // The Set-Cookie that keeps a client at this node. Secure: the client came by https.
  enum class Secure : bool { no, yes };
  std::string_view cookie(std::size_t node, Secure secure) const;

 private:
  const std::string name_;
  std::vector<std::string> cookies_;                         // by node, each with Secure at its end
  std::unordered_map<std::string_view, std::size_t> nodes_;  // by values, which lie in cookies_
};

// A secret for those that are given none.
std::string draw_sticky_secret();

}  // namespace weir::core

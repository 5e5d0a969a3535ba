#include "proxy/core/sticky_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "proxy/base/base64.h"
#include "proxy/base/hex.h"
#include "proxy/core/secret.h"
#include "proxy/tls/digest.h"

namespace weir::core {
namespace {

constexpr std::size_t kValueBytes = 16;
constexpr std::string_view kForHttps = "; Secure";

// Of the alphabet that goes into cookies as it is (RFC 4648 5). No address and no name of a pool holds a zero
// byte.
std::string value_of(std::string_view secret, std::string_view pool, std::string_view node) {
  std::string text = "sticky";
  for (const std::string_view part : {pool, node}) {
    text += '\0';
    text += part;
  }
  std::string value = base::to_base64(tls::hmac_sha256(secret, text).substr(0, kValueBytes));
  value.resize(value.find('='));
  std::replace(value.begin(), value.end(), '+', '-');
  std::replace(value.begin(), value.end(), '/', '_');
  return value;
}

}  // namespace

StickyTokens::StickyTokens(const config::Sticky& sticky, std::string_view secret, std::string_view pool,
                           const std::vector<std::string_view>& nodes)
    : name_(sticky.cookie) {
  std::string attributes = "; Path=/; HttpOnly; SameSite=Lax";
  if (sticky.ttl != config::kOff)
    attributes += fmt::format("; Max-Age={}", std::chrono::ceil<std::chrono::seconds>(sticky.ttl).count());
  cookies_.reserve(nodes.size());
  for (const std::string_view node : nodes) {
    const std::string value = value_of(secret, pool, node);
    const std::string& cookie =
        cookies_.emplace_back(fmt::format("{}={}{}{}", name_, value, attributes, kForHttps));
    nodes_.emplace(std::string_view(cookie).substr(name_.size() + 1, value.size()), cookies_.size() - 1);
  }
}

std::optional<std::size_t> StickyTokens::find(std::string_view value) const {
  const auto known = nodes_.find(value);
  return known == nodes_.end() ? std::nullopt : std::optional(known->second);
}

std::string_view StickyTokens::cookie(std::size_t node, Secure secure) const {
  std::string_view cookie = cookies_[node];
  if (secure == Secure::no) cookie.remove_suffix(kForHttps.size());
  return cookie;
}

std::string draw_sticky_secret() {
  char drawn[32];
  char* end = drawn;
  for (int i = 0; i < 2; ++i) end = base::put_hex(end, draw_secret());
  return {drawn, end};
}

}  // namespace weir::core

// Who may come in, and how fast, by the rules of a listener or of a route. Pure but for the number of each
// key, which the caller keeps.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/config.h"
#include "proxy/http/message.h"
#include "proxy/policy/rate_limit.h"

namespace weir::policy {

// A rate limit, made ready.
struct RateRule {
  // `owner` tells it apart from those of other listeners and routes, and is to stay over reloads.
  RateRule(const config::RateLimit& limit, std::string_view owner);

  config::RateLimit limit;
  std::uint64_t id;
  RatePace pace;
  std::string policy;  // the value of RateLimit-Policy
};

struct Admission {
  config::Access access;
  std::optional<RateRule> rate;
};

// Nothing where there are no rules.
std::shared_ptr<const Admission> make_admission(const config::Access& access,
                                                const std::optional<config::RateLimit>& rate,
                                                std::string_view owner);

// In none of `deny`, and in one of `allow` if there are any.
bool permits(const config::Access& access, const io::Ip& client);

// The key under which a request is counted. Holds what it says.
class RateKey {
 public:
  // A request without the field or cookie goes by its client's address, which is counted apart from what
  // other clients send as a field.
  RateKey(const RateRule& rule, const http::Request& request, const io::Ip& client);
  RateKey(const RateKey&) = delete;
  RateKey& operator=(const RateKey&) = delete;

  std::uint64_t limit() const { return limit_; }
  std::string_view text() const { return text_; }

 private:
  std::uint64_t limit_;
  std::array<char, 17> address_;
  std::string_view text_;
};

// The fields of an answer to who came too fast (RFC 9110 10.2.3; draft-ietf-httpapi-ratelimit-headers).
void describe(const RateRule& rule, const RateVerdict& verdict, http::Fields& fields);

}  // namespace weir::policy

// What the cookies of a sticky pool say.
#include "proxy/core/sticky_tokens.h"

#include <chrono>
#include <set>

#include "tests/unit/catch.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using Secure = StickyTokens::Secure;

constexpr std::string_view kSecret = "a secret of sixteen";

std::string value(const StickyTokens& tokens, std::size_t node) {
  const std::string_view cookie = tokens.cookie(node, Secure::no);
  return std::string(cookie.substr(5, cookie.find(';') - 5));
}

}  // namespace

TEST_CASE("each node has a cookie of its own, which names it again") {
  const StickyTokens tokens({}, kSecret, "app", {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"});
  std::set<std::string> seen;
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(value(tokens, i).size() == 22);
    CHECK(tokens.find(value(tokens, i)) == i);
    seen.insert(value(tokens, i));
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("what was not made here names no node") {
  const StickyTokens tokens({}, kSecret, "app", {"10.0.0.1:80"});
  const std::string made = value(tokens, 0);
  CHECK_FALSE(tokens.find(""));
  CHECK_FALSE(tokens.find("10.0.0.1:80"));
  CHECK_FALSE(tokens.find(std::string(100'000, 'x')));
  CHECK_FALSE(tokens.find(made + "A"));
  CHECK_FALSE(tokens.find(made.substr(1)));
  std::string forged = made;
  forged[3] = forged[3] == 'A' ? 'B' : 'A';
  CHECK_FALSE(tokens.find(forged));
}

TEST_CASE("a cookie follows from secret, pool and node, not from the order of nodes") {
  const StickyTokens before({}, kSecret, "app", {"10.0.0.1:80", "10.0.0.2:80"});
  const StickyTokens after({}, kSecret, "app", {"10.0.0.9:80", "10.0.0.2:80", "10.0.0.1:80"});
  CHECK(after.find(value(before, 0)) == 2);
  CHECK(after.find(value(before, 1)) == 1);
  CHECK_FALSE(StickyTokens({}, kSecret, "other", {"10.0.0.1:80"}).find(value(before, 0)));
  CHECK_FALSE(StickyTokens({}, "another secret", "app", {"10.0.0.1:80"}).find(value(before, 0)));
  CHECK(value(StickyTokens({}, kSecret, "a", {"b"}), 0) != value(StickyTokens({}, kSecret, "ab", {""}), 0));
}

TEST_CASE("secrets that are drawn are never the same") {
  CHECK(draw_sticky_secret().size() == 32);
  CHECK(draw_sticky_secret() != draw_sticky_secret());
}

TEST_CASE("the cookie is for this server alone") {
  config::Sticky sticky;
  CHECK(StickyTokens(sticky, kSecret, "app", {"n"})
            .cookie(0, Secure::no)
            .ends_with("; Path=/; HttpOnly; SameSite=Lax"));
  sticky.cookie = "at";
  sticky.ttl = 1500ms;
  const StickyTokens tokens(sticky, kSecret, "app", {"n"});
  CHECK(tokens.cookie(0, Secure::yes).starts_with("at="));
  CHECK(tokens.cookie(0, Secure::yes).ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2; Secure"));
}

}  // namespace weir::core

#include "proxy/core/overrides.h"

#include "tests/unit/catch.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Operator;

constexpr base::Time kBegin{};

Override drained(base::Time until = base::kNever) {
  Override override;
  override.state = {Operator::drain, until, "asked"};
  return override;
}

Override weighing(std::uint32_t weight, base::Time until = base::kNever) {
  Override override;
  override.weight = {weight, until, "asked"};
  return override;
}

}  // namespace

TEST_CASE("what is said of one part of a node leaves the other as it is") {
  Overrides overrides;
  overrides.set({"app", "a:1"}, drained());
  overrides.set({"app", "a:1"}, weighing(3));
  CHECK(overrides.of("app", "a:1", "a:1").state->value == Operator::drain);
  CHECK(overrides.of("app", "a:1", "a:1").weight->value == 3);
  CHECK(overrides.clear({"app", "a:1"}, &Override::state));
  CHECK_FALSE(overrides.clear({"app", "a:1"}, &Override::state));
  CHECK_FALSE(overrides.of("app", "a:1", "a:1").state);
  CHECK(overrides.clear({"app", "a:1"}, &Override::weight));
  CHECK(overrides == Overrides{});
}

TEST_CASE("a name stands for its addresses, and an address comes first") {
  Overrides overrides;
  overrides.set({"app", "app.test:80"}, drained());
  CHECK(overrides.of("app", "app.test:80", "10.0.0.1:80").state->value == Operator::drain);
  Override active;
  active.state = {Operator::active, base::kNever, ""};
  overrides.set({"app", "10.0.0.1:80"}, active);
  CHECK(overrides.of("app", "app.test:80", "10.0.0.1:80").state->value == Operator::active);
  CHECK(overrides.of("app", "app.test:80", "10.0.0.2:80").state->value == Operator::drain);
  CHECK_FALSE(overrides.of("web", "app.test:80", "10.0.0.1:80").state);
}

TEST_CASE("where a name says one part and its address another, both count") {
  Overrides overrides;
  overrides.set({"app", "app.test:80"}, drained());
  overrides.set({"app", "10.0.0.1:80"}, weighing(3));
  const Override said = overrides.of("app", "app.test:80", "10.0.0.1:80");
  CHECK(said.state->value == Operator::drain);
  CHECK(said.weight->value == 3);
}

TEST_CASE("each part ends in its own time") {
  Overrides overrides;
  CHECK(overrides.next_end() == base::kNever);
  overrides.set({"app", "a:1"}, drained(kBegin + 10s));
  overrides.set({"app", "a:1"}, weighing(3, kBegin + 20s));
  overrides.set({"app", "b:1"}, drained());
  Override limited;
  limited.tier = {balancer::kBackup, kBegin + 15s, "asked"};
  limited.max_in_flight = {5, kBegin + 25s, "asked"};
  limited.max_connections = {6, base::kNever, "asked"};
  overrides.set({"app", "a:1"}, limited);
  CHECK(overrides.next_end() == kBegin + 10s);
  CHECK_FALSE(overrides.drop_over(kBegin + 9s));
  CHECK(overrides.drop_over(kBegin + 10s));
  CHECK_FALSE(overrides.of("app", "a:1", "a:1").state);
  CHECK(overrides.next_end() == kBegin + 15s);
  CHECK(overrides.drop_over(kBegin + 20s));
  CHECK_FALSE(overrides.of("app", "a:1", "a:1").tier);
  CHECK(overrides.next_end() == kBegin + 25s);
  CHECK(overrides.drop_over(kBegin + 30s));
  CHECK(overrides.next_end() == base::kNever);
  CHECK(overrides.of("app", "a:1", "a:1").max_connections->value == 6);
  CHECK(overrides.forget({"app", "a:1"}));
  CHECK(overrides.all().size() == 1);
}

}  // namespace weir::core

#include "proxy/core/overrides.h"

#include "tests/unit/catch.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Operator;
using What = Overrides::What;

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
  CHECK(overrides.state_of("app", "a:1", "a:1")->value == Operator::drain);
  CHECK(overrides.weight_of("app", "a:1", "a:1")->value == 3);
  CHECK(overrides.clear({"app", "a:1"}, What::state));
  CHECK_FALSE(overrides.clear({"app", "a:1"}, What::state));
  CHECK_FALSE(overrides.state_of("app", "a:1", "a:1"));
  CHECK(overrides.clear({"app", "a:1"}, What::weight));
  CHECK(overrides == Overrides{});
}

TEST_CASE("a name stands for its addresses, and an address comes first") {
  Overrides overrides;
  overrides.set({"app", "app.test:80"}, drained());
  CHECK(overrides.state_of("app", "app.test:80", "10.0.0.1:80")->value == Operator::drain);
  Override active;
  active.state = {Operator::active, base::kNever, ""};
  overrides.set({"app", "10.0.0.1:80"}, active);
  CHECK(overrides.state_of("app", "app.test:80", "10.0.0.1:80")->value == Operator::active);
  CHECK(overrides.state_of("app", "app.test:80", "10.0.0.2:80")->value == Operator::drain);
  CHECK_FALSE(overrides.state_of("web", "app.test:80", "10.0.0.1:80"));
}

TEST_CASE("each part ends in its own time") {
  Overrides overrides;
  CHECK(overrides.next_end() == base::kNever);
  overrides.set({"app", "a:1"}, drained(kBegin + 10s));
  overrides.set({"app", "a:1"}, weighing(3, kBegin + 20s));
  overrides.set({"app", "b:1"}, drained());
  CHECK(overrides.next_end() == kBegin + 10s);
  CHECK_FALSE(overrides.drop_over(kBegin + 9s));
  CHECK(overrides.drop_over(kBegin + 10s));
  CHECK_FALSE(overrides.state_of("app", "a:1", "a:1"));
  CHECK(overrides.next_end() == kBegin + 20s);
  CHECK(overrides.drop_over(kBegin + 30s));
  CHECK(overrides.next_end() == base::kNever);
  CHECK(overrides.all().size() == 1);
}

}  // namespace weir::core

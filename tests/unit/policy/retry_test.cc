// The whole table of what follows a failed attempt.
#include "proxy/policy/retry.h"

#include "proxy/config/merge.h"

#include <chrono>

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using base::Fault;
using http::Method;

namespace {

enum class Kind { repeatable, once };

FailedAttempt failed(base::Retry retry, Kind kind = Kind::repeatable) {
  FailedAttempt attempt;
  attempt.error.retry = retry;
  attempt.error.fault = Fault::upstream;
  attempt.repeatable = kind == Kind::repeatable;
  return attempt;
}

}  // namespace

TEST_CASE("what never reached a node goes to another, whatever it is and however many have failed") {
  for (const Kind kind : {Kind::repeatable, Kind::once}) {
    FailedAttempt attempt = failed(base::Retry::not_processed, kind);
    attempt.attempts = 100;
    CHECK(judge(attempt) == Verdict::other_node);
  }
}

TEST_CASE("what may have been acted upon is never repeated") {
  for (const Kind kind : {Kind::repeatable, Kind::once})
    CHECK(judge(failed(base::Retry::never, kind)) == Verdict::give_up);
}

TEST_CASE("a reused connection's end says nothing of the node: a fresh one, for what may be repeated") {
  FailedAttempt attempt = failed(base::Retry::reused_connection);
  attempt.reused_connection = true;
  attempt.attempts = attempt.most_attempts;
  CHECK(judge(attempt) == Verdict::fresh_connection);
  attempt.repeatable = false;
  CHECK(judge(attempt) == Verdict::give_up);
}

TEST_CASE("a fresh connection's end counts as an attempt") {
  FailedAttempt attempt = failed(base::Retry::reused_connection);
  attempt.most_attempts = 3;
  for (std::uint32_t n : {1, 2}) {
    attempt.attempts = n;
    CHECK(judge(attempt) == Verdict::other_node);
  }
  attempt.attempts = 3;
  CHECK(judge(attempt) == Verdict::give_up);
  attempt.attempts = 1;
  attempt.most_attempts = 1;
  CHECK(judge(attempt) == Verdict::give_up);
}

TEST_CASE("without the whole body nothing is repeated, nor for a client that is to blame") {
  for (base::Retry retry : {base::Retry::never, base::Retry::reused_connection, base::Retry::not_processed}) {
    FailedAttempt attempt = failed(retry);
    attempt.body_whole = false;
    CHECK(judge(attempt) == Verdict::give_up);
    attempt = failed(retry);
    attempt.error.fault = Fault::downstream;
    CHECK(judge(attempt) == Verdict::give_up);
  }
}

TEST_CASE("a try that took too long goes to another node, not to a fresh connection of the same") {
  FailedAttempt attempt = failed(base::Retry::other_node);
  attempt.reused_connection = true;
  CHECK(judge(attempt) == Verdict::other_node);
  attempt.attempts = attempt.most_attempts;
  CHECK(judge(attempt) == Verdict::give_up);
  CHECK(judge(failed(base::Retry::other_node, Kind::once)) == Verdict::give_up);
}

TEST_CASE("black holes are counted, since each costs its connect timeout") {
  FailedAttempt attempt = failed(base::Retry::not_processed);
  attempt.error.reason = base::Reason::connect_timeout;
  CHECK(judge(attempt) == Verdict::other_node);
  attempt.attempts = attempt.most_attempts;
  CHECK(judge(attempt) == Verdict::give_up);
}

TEST_CASE("what may be sent twice") {
  http::Request request;
  for (const Method method :
       {Method::get, Method::head, Method::put, Method::del, Method::options, Method::trace}) {
    request.method = method;
    CHECK(is_repeatable(request));
  }
  for (const Method method : {Method::post, Method::patch, Method::connect, Method::other}) {
    request.method = method;
    CHECK_FALSE(is_repeatable(request));
  }
  request.fields.add("idempotency-key", "\"8e03978e\"");
  CHECK(is_repeatable(request));
}

TEST_CASE("what a route says of retries comes before its pool, field by field") {
  const config::Retry pool{
      .attempts = 5, .statuses = {503}, .budget = 10, .backoff = std::chrono::seconds(1)};
  CHECK(merge(pool, {}) == pool);
  const config::RetryOverrides own{
      .attempts = 2, .statuses = {{429}}, .budget = config::kNoBudget, .backoff = base::Duration::zero()};
  const config::Retry merged = merge(pool, own);
  CHECK(merged.attempts == 2);
  CHECK(is_listed(merged, 429));
  CHECK_FALSE(is_listed(merged, 503));
  CHECK(merged.budget == config::kNoBudget);
  CHECK(merged.backoff == base::Duration::zero());
  CHECK(merge(pool, {.attempts = {}, .statuses = {{}}, .budget = {}, .backoff = {}}).statuses.empty());
}

TEST_CASE("a try is paid for, unless nothing was sent or its failure says nothing") {
  CHECK(costs(failed(base::Retry::other_node), Verdict::other_node));
  CHECK(costs(failed(base::Retry::reused_connection), Verdict::other_node));
  CHECK_FALSE(costs(failed(base::Retry::reused_connection), Verdict::fresh_connection));
  CHECK_FALSE(costs(failed(base::Retry::not_processed), Verdict::other_node));
  FailedAttempt declined = failed(base::Retry::declined);
  CHECK_FALSE(costs(declined, Verdict::other_node));
  declined.declined = 1;
  CHECK(costs(declined, Verdict::other_node));
  declined.declined = 0;
  declined.all_decline = true;
  CHECK(costs(declined, Verdict::other_node));
}

TEST_CASE("a kept connection that ends is free, and long after the request it is a try, unless many do") {
  FailedAttempt lost = failed(base::Retry::reused_connection);
  lost.reused_connection = true;
  CHECK(judge(lost) == Verdict::fresh_connection);
  lost.late = true;
  CHECK(judge(lost) == Verdict::other_node);
  CHECK_FALSE(costs(lost, Verdict::other_node));
  lost.attempts = lost.most_attempts;
  CHECK(judge(lost) == Verdict::give_up);
  lost = failed(base::Retry::reused_connection);
  lost.reused_connection = lost.many_lost = true;
  CHECK(judge(lost) == Verdict::other_node);
  CHECK(costs(lost, Verdict::other_node));
  CHECK_FALSE(policy::are_many_lost(30, 100));
  CHECK(policy::are_many_lost(31, 100));
  CHECK_FALSE(policy::are_many_lost(50, 5000));
  CHECK(policy::are_many_lost(51, 5000));
}

TEST_CASE("all nodes decline where more than a few requests were declined twice") {
  CHECK_FALSE(policy::are_all_declining(10, 10));
  CHECK(policy::are_all_declining(11, 10));
  CHECK_FALSE(policy::are_all_declining(20, 1000));
  CHECK(policy::are_all_declining(21, 1000));
}

TEST_CASE("out of attempts is what only lacks them") {
  FailedAttempt attempt = failed(base::Retry::other_node);
  CHECK_FALSE(is_out_of_attempts(attempt));
  attempt.attempts = attempt.most_attempts;
  CHECK(is_out_of_attempts(attempt));
  attempt.repeatable = false;
  CHECK_FALSE(is_out_of_attempts(attempt));
}

TEST_CASE("pauses are drawn up to twice as much each time, and ten times the base at most") {
  using std::chrono::milliseconds;
  constexpr std::uint64_t kLeast = 0, kHalf = std::uint64_t{1} << 63, kMost = UINT64_MAX;
  const std::uint32_t most[] = {1, 2, 4, 8, 10, 10, 10};
  for (std::uint32_t before = 0; before < std::size(most); ++before) {
    CHECK(pause(milliseconds(25), before, kLeast) == base::Duration::zero());
    CHECK(pause(milliseconds(25), before, kHalf) == base::Duration(milliseconds(25)) * most[before] / 2);
    CHECK(pause(milliseconds(25), before, kMost) < milliseconds(25) * most[before]);
    CHECK(pause(milliseconds(25), before, kMost) >
          milliseconds(25) * most[before] - std::chrono::microseconds(1));
    CHECK(pause(base::Duration::zero(), before, kMost) == base::Duration::zero());
  }
  CHECK(pause(milliseconds(25), UINT32_MAX, kHalf) == milliseconds(125));
}

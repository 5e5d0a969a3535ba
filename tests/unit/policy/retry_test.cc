// The whole table of what follows a failed attempt.
#include "proxy/policy/retry.h"

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using base::Fault;
using http::Method;

namespace {

FailedAttempt failed(base::Retry retry, Method method = Method::get) {
  FailedAttempt attempt;
  attempt.error.retry = retry;
  attempt.error.fault = Fault::upstream;
  attempt.method = method;
  return attempt;
}

}  // namespace

TEST_CASE("what never reached a node goes to another, whatever the method and however many have failed") {
  for (Method method : {Method::get, Method::post, Method::patch, Method::other}) {
    FailedAttempt attempt = failed(base::Retry::not_processed, method);
    attempt.attempts = 100;
    CHECK(judge(attempt) == Verdict::other_node);
  }
}

TEST_CASE("what may have been acted upon is never repeated") {
  for (Method method : {Method::get, Method::post})
    CHECK(judge(failed(base::Retry::never, method)) == Verdict::give_up);
}

TEST_CASE("a reused connection's end says nothing of the node: a fresh one, for what may be repeated") {
  for (Method method :
       {Method::get, Method::head, Method::put, Method::del, Method::options, Method::trace}) {
    FailedAttempt attempt = failed(base::Retry::reused_connection, method);
    attempt.reused_connection = true;
    attempt.attempts = attempt.most_attempts;
    CHECK(judge(attempt) == Verdict::fresh_connection);
  }
  for (Method method : {Method::post, Method::patch, Method::connect, Method::other}) {
    FailedAttempt attempt = failed(base::Retry::reused_connection, method);
    attempt.reused_connection = true;
    CHECK(judge(attempt) == Verdict::give_up);
  }
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
  CHECK(judge(failed(base::Retry::other_node, Method::post)) == Verdict::give_up);
}

TEST_CASE("black holes are counted, since each costs its connect timeout") {
  FailedAttempt attempt = failed(base::Retry::not_processed);
  attempt.error.reason = base::Reason::connect_timeout;
  CHECK(judge(attempt) == Verdict::other_node);
  attempt.attempts = attempt.most_attempts;
  CHECK(judge(attempt) == Verdict::give_up);
}

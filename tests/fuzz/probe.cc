// What a node answers to a health check, whatever it is: one verdict, in words, and nothing left open.
#include <chrono>
#include <optional>

#include "proxy/core/health_check.h"
#include "tests/fuzz/target.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::fuzz {
namespace {

using namespace std::chrono_literals;

struct Checker final : core::CheckHandler {
  void on_checked(core::CheckResult with) override {
    must(!result.has_value(), "a check with two verdicts");
    result = std::move(with);
  }
  std::optional<core::CheckResult> result;
};

config::Health health(unsigned how) {
  config::Health health;
  config::HttpCheck& http = health.http.emplace();
  http.target = "/healthz?x=1";
  if (how % 2 == 0) http.body = "ok";
  if (how % 4 >= 2) http.method = "HEAD";
  return health;
}

void probe(std::string_view bytes) {
  const unsigned how = take_byte(bytes), piece = 1 + take_byte(bytes);
  core::StillRuntime runtime;
  codec::Scratch scratch;
  tls::Scratch tls_scratch;
  core::PlayedTransport node;
  Checker checker;
  const core::CheckPlan plan(health(how));
  {
    core::HealthCheck check(runtime, checker);
    runtime.next = {&node};
    check.begin(plan, *io::Address::parse("127.0.0.1:1"), "a.test", scratch, tls_scratch);
    runtime.connected();
    for (; !bytes.empty() && !node.released; bytes.remove_prefix(std::min<std::size_t>(piece, bytes.size())))
      runtime.read(node, bytes.substr(0, piece));
    if (how >= 128 && !node.released) runtime.read_end(node);
    if (how % 128 >= 64 && !node.released) runtime.read_error(node);
    runtime.pass(plan.settings.timeout);
    must(checker.result.has_value(), "a check without a verdict");
    must(!checker.result->text.empty(), "a verdict without a reason");
    must(!check.under_way() && node.released, "a check that is not over with its verdict");
  }
  runtime.end_turn();
}

const Target kProbe("probe", probe);

}  // namespace
}  // namespace weir::fuzz

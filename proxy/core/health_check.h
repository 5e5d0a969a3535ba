// One check of one node after the other: connect, or ask and judge the answer. Each begins with begin() and
// ends with one CheckResult, unless it is abandoned by abandon() or destruction. What the answer may hold is
// bounded, whatever the node sends. Owned by the prober, one a node; loop thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balancer/node.h"
#include "health/grpc_health.h"
#include "health/probe.h"
#include "proxy/config/config.h"
#include "proxy/core/http_call.h"
#include "proxy/policy/agent.h"

namespace weir::core {

// How the nodes of one pool are checked. Shared by their checks; only the files behind `tls` may change.
struct CheckPlan {
  explicit CheckPlan(const config::Health& health, std::shared_ptr<const tls::ClientSettings> tls = nullptr,
                     config::Protocol protocol = config::Protocol::h1,
                     config::ProxyProtocol proxy_protocol = config::ProxyProtocol::off);
  explicit CheckPlan(const config::Pool& pool)
      : CheckPlan(*pool.health, pool.settings.value, pool.protocol, pool.proxy_protocol) {}

  const config::Health settings;
  std::shared_ptr<const tls::ClientSettings> tls;  // nullptr: in clear
  const config::Protocol protocol;
  const config::ProxyProtocol proxy_protocol;  // what nodes expect
  const std::string greeting;                  // by that; "": nothing
  const health::Probe probe;                   // of an HTTP check
  const std::string asked;                     // "GET /healthz"
  const std::vector<std::pair<std::string, std::string>> fields;
  const std::string body;  // of a gRPC check
};

struct CheckResult {
  // not_made: Weir itself could not, for want of a descriptor, say. It says nothing of the node.
  enum class Kind : std::uint8_t { passed, failed, not_made } kind = Kind::passed;
  std::string text;  // what was seen, in words
  // Of a failure: whether the node would not even accept a connection.
  balancer::Verdict verdict = balancer::Verdict::soft;
  // What the node said of itself, if it answered an HTTP check.
  std::optional<policy::AgentWord> agent = std::nullopt;
};

class CheckHandler {
 public:
  virtual void on_checked(CheckResult result) = 0;  // another check may begin in it

 protected:
  ~CheckHandler() = default;
};

class HealthCheck final : HttpCallHandler, io::TransportHandler, io::TimerHandler {
 public:
  static constexpr std::uint64_t kMostBody = 1024 * 1024;  // bytes of an answer
  static constexpr std::size_t kMostStatus = 8;            // of a grpc-status, as far as it is told

  HealthCheck(io::Runtime& runtime, CheckHandler& handler);
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;
  ~HealthCheck() = default;

  // No check is under way. `plan`, `host` and the scratches outlive the check.
  void begin(const CheckPlan& plan, const io::Address& address, std::string_view host,
             codec::Scratch& scratch, tls::Scratch& tls_scratch);
  void abandon();
  bool under_way() const { return plan_ != nullptr; }

 private:
  // HTTP
  void on_call_head(const http::Response& head) override;
  void on_call_body(std::string_view bytes) override;
  void on_call_trailers(const http::Fields& trailers) override;
  void on_call_end(const CallEnd& end) override;
  void ask(const CallRequest& request, const io::Address& address, codec::Scratch& scratch,
           const tls::Dial& dial);
  void note_grpc_status(const http::Fields& fields);
  CheckResult judged(const CallEnd& end) const;
  CheckResult judged_grpc() const;
  CheckResult judged_broken(const base::Error& error) const;
  // TCP
  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view) override {}
  void on_read_end() override {}
  void on_read_error(const base::Error&) override {}
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}
  void on_timer() override;

  void finish(CheckResult result);
  CheckResult connect_timed_out() const;

  io::Runtime& runtime_;
  CheckHandler& handler_;
  const CheckPlan* plan_ = nullptr;  // while a check is under way
  HttpCallPtr call_;
  io::TransportPtr transport_;
  io::Timer timer_;                                      // a TCP check's deadline
  std::optional<health::Judgement> judgement_;           // of an HTTP check
  std::optional<policy::AgentWord> agent_;               // likewise, that is being answered
  std::optional<health::GrpcHealthAnswer> grpc_answer_;  // of a gRPC check
};

}  // namespace weir::core

// One check of one node after the other: connect, or ask and judge the answer. Each begins with begin() and
// ends with one CheckResult, unless it is abandoned by abandon() or destruction. What the answer may hold is
// bounded, whatever the node sends. Owned by the prober, one a node; loop thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "health/probe.h"
#include "proxy/config/config.h"
#include "proxy/core/http_call.h"

namespace weir::core {

// How the nodes of one pool are checked. Shared by their checks; only the files behind `tls` may change.
struct CheckPlan {
  explicit CheckPlan(const config::Health& health, std::shared_ptr<const tls::ClientSettings> tls = nullptr);

  const config::Health settings;
  std::shared_ptr<const tls::ClientSettings> tls;  // nullptr: in clear
  const health::Probe probe;                       // of an HTTP check
  const std::string asked;                         // "GET /healthz"
  const std::vector<std::pair<std::string, std::string>> fields;
};

struct CheckResult {
  // not_made: Weir itself could not, for want of a descriptor, say. It says nothing of the node.
  enum class Kind : std::uint8_t { passed, failed, not_made } kind = Kind::passed;
  std::string text;  // what was seen, in words
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
  void on_call_end(const CallEnd& end) override;
  CheckResult judged(const CallEnd& end) const;
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
  io::Timer timer_;  // a TCP check's deadline
  std::optional<health::Judgement> judgement_;
};

}  // namespace weir::core

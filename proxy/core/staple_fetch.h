// Asks authorities what they say of the certificates that are to be stapled so (OCSP, RFC 6960): at once, and
// again at half of the time that an answer holds, once a day at least; after an error later and later. One
// question at a time. What it hears it verifies, and puts into the process's book; the log says what went
// wrong, and the certificate is served without. Owned by the supervisor; control thread only.
//
//   idle -> resolving (the responder's name) -> calling -> idle, until the next is due
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/core/http_call.h"
#include "proxy/io/runtime.h"
#include "proxy/tls/certificate.h"

namespace weir::core {

class StapleFetch final : HttpCallHandler, io::TimerHandler {
 public:
  static constexpr base::Duration kTimeout = std::chrono::seconds(10);
  static constexpr base::Duration kSoonest = std::chrono::minutes(1);    // after an answer, or an error
  static constexpr base::Duration kLatest = std::chrono::hours(24);      // after an answer
  static constexpr base::Duration kLongestWait = std::chrono::hours(1);  // after an error
  static constexpr std::uint64_t kMostBytes = 64 * 1024;                 // of an answer

  explicit StapleFetch(io::Runtime& runtime);  // which outlives it
  ~StapleFetch();
  StapleFetch(const StapleFetch&) = delete;
  StapleFetch& operator=(const StapleFetch&) = delete;

  // From now on these, of whatever they say themselves. What is known of others is forgotten.
  void want(const std::vector<std::shared_ptr<const tls::Certificate>>& certificates);

 private:
  using Found = base::Result<std::vector<io::Ip>, std::string>;
  struct Task {
    std::shared_ptr<const tls::Certificate> certificate;
    base::Time due{};
    base::Duration wait{};    // after the latest error; zero: there was none
    std::size_t looked_up{};  // so often; each time another of the host's addresses has its turn
  };

  void on_call_head(const http::Response& head) override { status_ = head.status; }
  void on_call_body(std::string_view bytes) override { answer_ += bytes; }
  void on_call_end(const CallEnd& end) override;
  void on_timer() override;
  void begin(const std::string& fingerprint);
  void on_resolved(const Found& found);
  void call(const io::Ip& ip);
  void take(tls::StaplePtr staple);
  void failed(std::string_view why);
  void arm();

  io::Runtime& runtime_;
  io::Timer timer_;
  codec::Scratch scratch_;
  const std::vector<std::pair<std::string, std::string>> fields_;
  std::map<std::string, Task> tasks_;  // by fingerprint
  // Of the question that is under way:
  std::string present_;  // whom it is about; "": none is
  tls::StapleQuestion question_;
  std::shared_ptr<StapleFetch*> look_up_;  // held weakly by the one that is under way
  HttpCallPtr call_;
  std::string answer_;
  int status_ = 0;
};

}  // namespace weir::core

#include "proxy/core/refusal_log.h"

#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"

namespace weir::core {

bool RefusalLog::admits(base::Time now) {
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    lines_ = 0;
    if (const std::uint64_t left_out = std::exchange(left_out_, 0); left_out > 0)
      base::log_info("refused {} more requests and answers; the access log has them all", left_out);
  }
  if (++lines_ <= kMost) return true;
  ++left_out_;
  return false;
}

void RefusalLog::note_request(const base::Error& error, int status, const io::Ip& peer, base::Time now) {
  if (!admits(now)) return;
  const std::string from = peer.family == io::Ip::Family::none ? "unix:" : peer.text();
  const std::string end = status == 0 ? "cut the answer" : fmt::format("answered {}", status);
  base::log_info("refused a request from {}: {} ({}): {}; {}, closing", from, word(error.reason),
                 error.fault == base::Fault::downstream ? "client" : "weir", error.detail, end);
}

void RefusalLog::note_answer(const base::Error& error, std::string_view node, base::Time now) {
  if (!admits(now)) return;
  base::log_warning("refused an answer of node {}: {}: {}; closing the connection to it", node,
                    word(error.reason), error.detail);
}

}  // namespace weir::core

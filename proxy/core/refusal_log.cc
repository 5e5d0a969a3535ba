#include "proxy/core/refusal_log.h"

#include <chrono>
#include <utility>

#include "proxy/base/log.h"

namespace weir::core {

void RefusalLog::note(const base::Error& error, int status, const io::Ip& peer, base::Time now) {
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    lines_ = 0;
    if (const std::uint64_t left_out = std::exchange(left_out_, 0); left_out > 0)
      base::log_info("refused {} more requests; the access log has them all", left_out);
  }
  if (++lines_ > kMost) {
    ++left_out_;
    return;
  }
  base::log_info("refused a request from {}: {} ({}): {}; answered {}, closing",
                 peer.family == io::Ip::Family::none ? "unix:" : peer.text(), word(error.reason),
                 error.fault == base::Fault::downstream ? "client" : "weir", error.detail, status);
}

}  // namespace weir::core

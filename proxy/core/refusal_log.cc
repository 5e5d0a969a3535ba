#include "proxy/core/refusal_log.h"

#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"

namespace weir::core {

bool RefusalLog::Lines::admit(base::Time now) {
  if (now - second_began >= std::chrono::seconds(1)) {
    second_began = now;
    written = 0;
    if (const std::uint64_t more = std::exchange(left_out, 0); more > 0)
      base::log_info("refused {} more {} than have a line here", more, of);
  }
  if (++written <= kMost) return true;
  ++left_out;
  return false;
}

void RefusalLog::note_request(const base::Error& error, int status, const io::Ip& peer, base::Time now) {
  if (!requests_.admit(now)) return;
  const std::string end = status == 0 ? "cut the answer" : fmt::format("answered {}", status);
  base::log_info("refused a request from {}: {} ({}): {}; {}", peer.peer_text(), word(error.reason),
                 error.fault == base::Fault::downstream ? "client" : "weir", error.detail, end);
}

void RefusalLog::note_answer(const base::Error& error, std::string_view node, base::Time now) {
  if (!answers_.admit(now)) return;
  base::log_warning("refused an answer of node {}: {}: {}; closing the connection to it", node,
                    word(error.reason), error.detail);
}

}  // namespace weir::core

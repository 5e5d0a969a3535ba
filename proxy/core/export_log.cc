#include "proxy/core/export_log.h"

#include "proxy/base/log.h"
#include "proxy/config/section.h"

namespace weir::core {

void ExportLog::note_failure(std::string_view why, std::uint64_t dropped, base::Time now) {
  if (!may_warn(now)) return;
  if (failing_since_ == base::kNever) failing_since_ = now;
  base::log_warning("cannot export spans to {}: {}; a few tries, then they are dropped; {} dropped so far",
                    to_, why, dropped);
}

void ExportLog::note_success(std::uint64_t dropped, base::Time now) {
  if (failing_since_ == base::kNever) return;
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - failing_since_).count();
  failing_since_ = base::kNever;
  base::log_info("spans go to {} again, after {} s; {} dropped so far", to_, lasted, dropped);
}

void ExportLog::note_remark(std::uint64_t rejected, std::size_t of, std::string_view remark, base::Time now) {
  if (!may_warn(now)) return;
  base::log_warning("{} rejected {} of {} spans, saying {}; they are dropped", to_, rejected, of,
                    config::in_quotes(remark));
}

bool ExportLog::may_warn(base::Time now) {
  if (now < quiet_until_) return false;
  quiet_until_ = base::deadline(now, kEvery);
  return true;
}

}  // namespace weir::core

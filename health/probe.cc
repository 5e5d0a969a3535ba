#include "health/probe.h"

#include <algorithm>
#include <utility>

namespace weir::health {

WantedText::WantedText(std::string text) : text_(std::move(text)), fallback_(text_.size(), 0) {
  for (std::size_t at = 1, same = 0; at < text_.size(); ++at) {
    while (same > 0 && text_[at] != text_[same]) same = fallback_[same - 1];
    if (text_[at] == text_[same]) ++same;
    fallback_[at] = same;
  }
}

std::size_t WantedText::look(std::size_t seen, std::string_view piece) const {
  for (const char byte : piece) {
    if (seen == text_.size()) return seen;
    while (seen > 0 && byte != text_[seen]) seen = fallback_[seen - 1];
    if (byte == text_[seen]) ++seen;
  }
  return seen;
}

bool Probe::expects(int status) const {
  return std::any_of(statuses_.begin(), statuses_.end(), [status](const StatusRange& range) {
    return status >= range.first && status <= range.last;
  });
}

}  // namespace weir::health

#include "proxy/config/patch.h"

#include <algorithm>

namespace weir::config {

void Patch::replace(std::size_t begin, std::size_t end, std::string by) {
  const auto behind = std::upper_bound(parts_.begin(), parts_.end(), begin,
                                       [](std::size_t at, const Part& each) { return at < each.begin; });
  parts_.insert(behind, {begin, end, std::move(by)});
}

std::optional<std::string> Patch::applied_to(std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  for (const Part& part : parts_) {
    if (part.begin < at || part.end < part.begin || part.end > text.size()) return std::nullopt;
    out.append(text.substr(at, part.begin - at)).append(part.by);
    at = part.end;
  }
  return out.append(text.substr(at));
}

}  // namespace weir::config

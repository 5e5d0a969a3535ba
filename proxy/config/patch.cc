#include "proxy/config/patch.h"

#include <algorithm>

namespace weir::config {

std::optional<std::string> Patch::applied_to(std::string_view text) const {
  std::vector<Part> parts = parts_;
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.begin < b.begin; });
  std::string out;
  std::size_t at = 0;
  for (const Part& part : parts) {
    if (part.begin < at || part.end < part.begin || part.end > text.size()) return std::nullopt;
    out.append(text.substr(at, part.begin - at)).append(part.by);
    at = part.end;
  }
  return out.append(text.substr(at));
}

}  // namespace weir::config

// Fields whose value is a comma-separated list (RFC 9110 5.6.1).
#pragma once

#include <string_view>

#include "proxy/base/ascii.h"

namespace weir::http {

// Calls f(element) for each non-empty element of the list, without its white space.
template <class F>
void for_each_element(std::string_view list, F&& f) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view element = base::trim(list.substr(0, comma));
    if (!element.empty()) f(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace weir::http

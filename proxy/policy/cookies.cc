#include "proxy/policy/cookies.h"

namespace weir::policy {

std::string_view next_cookie(std::string_view& rest) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  const std::size_t end = rest.find(';');
  std::string_view cookie = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  while (!cookie.empty() && is_space(cookie.front())) cookie.remove_prefix(1);
  while (!cookie.empty() && is_space(cookie.back())) cookie.remove_suffix(1);
  return cookie;
}

void drop_cookies(http::Fields& fields, std::string_view name, std::string& scratch) {
  scratch.clear();
  fields.for_each([&](const http::Field& field) {
    if (field.id != http::FieldId::cookie) return;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::string_view cookie = next_cookie(rest);
      if (cookie.empty() || is_cookie(cookie, name)) continue;
      if (!scratch.empty()) scratch += "; ";
      scratch += cookie;
    }
  });
  if (scratch.empty())
    fields.remove(http::FieldId::cookie);
  else
    fields.set(http::FieldId::cookie, scratch);
}

}  // namespace weir::policy

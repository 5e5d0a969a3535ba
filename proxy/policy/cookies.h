// The cookies that a request carries (RFC 6265 4.2), by name. Names are told apart by case. Pure functions
// but for the fields that they are given.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/fields.h"

namespace weir::policy {

// The next cookie of a Cookie field's value, as it stands there, without the spaces around it; `rest` is what
// follows it. "" where there is nothing between two semicolons.
std::string_view next_cookie(std::string_view& rest);

// Whether the cookie has that name.
inline bool is_cookie(std::string_view cookie, std::string_view name) {
  return cookie.size() > name.size() && cookie.starts_with(name) && cookie[name.size()] == '=';
}

// Calls f(value) for each cookie of that name, in order.
template <class F>
void each_cookie(const http::Fields& fields, std::string_view name, F&& f) {
  fields.for_each([&](const http::Field& field) {
    if (field.id != http::FieldId::cookie) return;
    for (std::string_view rest = field.value; !rest.empty();)
      if (const std::string_view cookie = next_cookie(rest); is_cookie(cookie, name))
        f(cookie.substr(name.size() + 1));
  });
}

// Takes the cookies of that name out; what is left stands in one field. `scratch` is any string, whose memory
// is used.
void drop_cookies(http::Fields& fields, std::string_view name, std::string& scratch);

}  // namespace weir::policy

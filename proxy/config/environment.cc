#include "proxy/config/environment.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace weir::config {

namespace {

bool is_variable(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
         name.npos;
}

}  // namespace

std::string expand_environment(std::string& text) {
  std::string expanded;
  std::string_view rest = text;
  for (std::size_t at; (at = rest.find("${")) != rest.npos;) {
    if (at > 0 && rest[at - 1] == '$') {
      expanded.append(rest.substr(0, at - 1)).append("${");
      rest.remove_prefix(at + 2);
      continue;
    }
    const std::size_t end = rest.find('}', at);
    if (end == rest.npos) return "${ without }; write ${NAME}, or $${ for a plain ${";
    const std::string name(rest.substr(at + 2, end - at - 2));
    if (!is_variable(name))
      return fmt::format("${{{}}} names no environment variable; write ${{NAME}}, or $${{ for a plain ${{",
                         name);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return fmt::format("the environment variable {} is not set", name);
    expanded.append(rest.substr(0, at)).append(value);
    rest.remove_prefix(end + 1);
  }
  expanded.append(rest);
  text = std::move(expanded);
  return {};
}

}  // namespace weir::config

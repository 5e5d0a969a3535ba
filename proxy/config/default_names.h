// Names tell things apart in logs and metrics, so that whatever was given none gets one of its own: its
// default, with a number where that is taken. A default that is too long for a name is cut.
#pragma once

#include <fmt/format.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "proxy/config/scalar.h"

namespace weir::config {

inline std::string cut_to_name(const std::string& text) {
  constexpr std::size_t kMost = kMostName - 12;  // dots and a number
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

// `default_name`: from a thing to the name it has where nothing else has it.
template <class Named, class DefaultName>
void name_the_nameless(std::vector<Named>& things, DefaultName default_name) {
  std::unordered_set<std::string> taken;
  for (const Named& thing : things) taken.insert(thing.name);
  std::unordered_map<std::string, int> last;
  for (Named& thing : things) {
    if (!thing.name.empty()) continue;
    const std::string base = cut_to_name(default_name(thing));
    thing.name = base;
    while (!taken.insert(thing.name).second)
      thing.name = fmt::format("{} #{}", base, ++last.try_emplace(base, 1).first->second);
  }
}

}  // namespace weir::config

// How a reload of the configuration ended, and what is remembered of all of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/diff.h"

namespace weir::admin {

struct ReloadReport {
  // published: it is in force. unchanged: it says what is in force already. invalid: the text is no
  // configuration. refused: something that it needs cannot be had. rolled_back: it did badly within its
  // guard's time, and what was confirmed before is in force again; nobody is answered this.
  enum class Result : std::uint8_t {
    published,
    unchanged,
    invalid,
    refused,
    rolled_back
  } result = Result::published;
  std::vector<std::string> errors;    // of a text that is invalid, "file:line:column: path: what"; or why it
                                      // is refused
  std::vector<std::string> warnings;  // likewise
  std::vector<config::Change> changes;
  std::string hash;  // of the text; empty if it could not be read
};

inline constexpr std::array<std::string_view, 5> kReloadResults = {"published", "unchanged", "invalid",
                                                                   "refused", "rolled_back"};

struct ReloadState {
  std::array<std::uint64_t, kReloadResults.size()> count{};  // of reloads, by result
  bool in_sync = true;         // the file, when it was read last, said what is in force
  std::string hash;            // of the text in force
  std::int64_t loaded_ms = 0;  // when it was read; since 1970
};

}  // namespace weir::admin

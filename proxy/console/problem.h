// Why a command has nothing to show: one sentence for an operator, and the exit code that goes with it. Pure.
#pragma once

#include <optional>
#include <string>

#include "proxy/console/feed.h"

namespace weir::console {

struct Problem {
  int exit_code;
  std::string text;  // printable
};

// Of what was fetched from there: none if all of it was answered with 200.
std::optional<Problem> problem_of(const Fetched& fetched, const io::Address& admin);
// Of an answer that cannot be read.
Problem unreadable(const std::string& why, const io::Address& admin);

}  // namespace weir::console

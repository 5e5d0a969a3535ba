// What a fuzz target is: a function that takes any bytes, and ends the process where something holds that may
// not. All targets are in one program, which is told the name of the one to run: libFuzzer's (weir-fuzz), or
// the tests' own that reads the corpora once (replay.cc).
#pragma once

#include <string_view>
#include <vector>

namespace weir::fuzz {

struct Target {
  Target(std::string_view name, void (*run)(std::string_view bytes));

  static const std::vector<const Target*>& all();
  static const Target* find(std::string_view name);  // nullptr: there is none

  std::string_view name;
  void (*run)(std::string_view bytes);
};

// Ends the process, saying what was found, unless `good`.
void must(bool good, std::string_view what);

// Takes single bytes from the beginning of an input: what decides how the rest is used. 0 once it is empty.
unsigned take_byte(std::string_view& bytes);

}  // namespace weir::fuzz

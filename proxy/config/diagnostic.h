// What is wrong with a configuration, or odd about it: one value each, with the place in the file and the
// path of keys, so that an operator can mend it without guessing. Report collects them while a file is read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace weir::config {

// A place in the file, from 1; 0: none in particular.
struct Position {
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

struct Diagnostic {
  enum class Level : std::uint8_t { error, warning } level = Level::error;
  std::string file;
  int line = 0;
  int column = 0;
  std::string path;  // "pools.app.nodes[2].weight"; "" if it is about the whole file
  std::string what;  // what is wrong; what is allowed

  // "file:line:column: path: what"; a warning says so behind the place.
  std::string text() const;
};

// The outcome of reading: a configuration exactly if no diagnostic is an error.
struct Loaded {
  std::optional<Config> config;
  std::vector<Diagnostic> diagnostics;  // by position
  std::string hash;                     // of the text, 16 hexadecimal digits
  std::string text;                     // of a file that could be read
};

class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void error(Position at, std::string path, std::string what);
  void warning(Position at, std::string path, std::string what);
  bool failed() const { return failed_; }
  // A path that stands in the file: it begins in the file's own folder, unless it is a whole one.
  std::string whole_path(const std::string& path) const;
  std::vector<Diagnostic> take();  // sorted by position

 private:
  static constexpr std::size_t kMost =
      1000;  // a file that is something else entirely must not fill the memory

  void add(Diagnostic::Level level, Position at, std::string path, std::string what);

  std::string file_;
  std::vector<Diagnostic> diagnostics_;
  bool failed_ = false;
};

}  // namespace weir::config

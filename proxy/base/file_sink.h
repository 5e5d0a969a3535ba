// A log in a file or pipe, which is appended to. A pipe that nobody reads stalls; a full disk costs the lines
// that came meanwhile, and never half of the one that follows. Two sinks may share one pipe: lines of up to
// PIPE_BUF bytes (4 KiB) stay whole. Threads: see LogSink.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/log_sink.h"

namespace weir::base {

class FileSink final : public LogSink {
 public:
  // A pipe that nobody reads yet takes what it has room for. Error: why it cannot be written, in words.
  static Result<std::unique_ptr<LogSink>, std::string> open(const std::string& path);
  // A copy of one of the process's own descriptors, which reopen() leaves as it is.
  static std::unique_ptr<LogSink> copy_of(int fd);
  ~FileSink() override;

  Taken take(std::string_view lines) override;
  Result<void, std::string> reopen() override;

 private:
  // Of what was written last. A torn line's end was lost, and the next line may not become its end.
  enum class Place : std::uint8_t { line_begin, mid_line, torn_line };

  FileSink(int fd, std::string path);
  std::string_view at_once(std::string_view lines) const;
  Taken write(std::string_view lines);
  Taken failed(std::string_view lines);

  int fd_;
  const std::string path_;    // empty: a copy
  std::size_t most_at_once_;  // bytes of one write that cannot block where poll said that it is writable
  Place place_ = Place::line_begin;
};

}  // namespace weir::base

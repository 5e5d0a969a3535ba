// Where the lines of a log end: a file, a pipe, a syslog socket. Owned by a LogWriter and used by its thread
// alone, which is the one that may wait here. A sink never gives up for good: what cannot be written now is
// lost or stalls, and the next line tries again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace weir::base {

class LogSink {
 public:
  static constexpr int kStallMs = 1000;  // how long take() may wait

  struct Taken {
    std::size_t bytes = 0;         // of the text's beginning, which are done with
    std::uint64_t lost_lines = 0;  // among them
    std::string why;               // in words, of a loss, or of no byte taken for kStallMs
  };

  LogSink() = default;
  virtual ~LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // `lines` is not empty and ends with a newline.
  virtual Taken take(std::string_view lines) = 0;
  // Opens the same path anew. On an error, which is said in words, all goes on as before.
  virtual Result<void, std::string> reopen() = 0;
};

}  // namespace weir::base

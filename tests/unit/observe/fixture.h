// What the tests of the access log share: a file of its own, and an exchange of which all is known.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "proxy/observe/record.h"

namespace weir::observe {

// Gone at the end.
class TemporaryFile {
 public:
  TemporaryFile() { ::close(::mkstemp(name_)); }
  ~TemporaryFile() { ::unlink(name_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string name() const { return name_; }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(name_).rdbuf();
    return text.str();
  }

 private:
  char name_[32] = "/tmp/weir-log-XXXXXX";
};

inline ExchangeRecord record() {
  using namespace std::chrono_literals;
  ExchangeRecord made;
  made.client = *io::Ip::parse("1.2.3.4");
  made.method = "GET";
  made.host = "a.test";
  made.target = "/a?b";
  made.protocol = "HTTP/1.1";
  made.status = 200;
  made.request_bytes = 1;
  made.response_bytes = 18446744073709551615u;
  made.total = 12'034'567ns;
  made.upstream = 7us;
  made.route = "r";
  made.pool = "p";
  made.node = "n:1";
  made.attempts = 2;
  made.request_id = "id";
  return made;
}

constexpr std::int64_t kWall = 784887151'042;  // Tue, 15 Nov 1994 08:12:31.042

}  // namespace weir::observe

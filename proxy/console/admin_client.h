// Asks the admin port of a running Weir: one request, one connection, blocking, without an event loop.
// Bounded in time and in memory, whatever answers there. A connection lives no longer than the call that made
// it; one object may be used by one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/console/admin_address.h"

namespace weir::console {

struct AdminAnswer {
  int status = 0;
  std::string body;
};

class AdminClient {
 public:
  static constexpr std::chrono::milliseconds kConnectTimeout{2'000};
  static constexpr std::chrono::milliseconds kTimeout{10'000};  // of all of it, where nothing else is said
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

  // Each gives up once `cancel` is readable; -1: never.
  explicit AdminClient(AdminPlace place, int cancel = -1);

  // The whole answer, whatever its status; or, in words, why there is none: nobody listens, it took too long,
  // it is no HTTP.
  base::Result<AdminAnswer, std::string> get(std::string_view path) const;
  // What changes something there; `json` is the body, or "".
  base::Result<AdminAnswer, std::string> change(std::string_view method, std::string_view path,
                                                std::string_view json,
                                                std::chrono::milliseconds timeout = kTimeout) const;

 private:
  base::Result<AdminAnswer, std::string> ask(std::string_view request_line, std::string_view rest,
                                             std::chrono::milliseconds timeout) const;

  AdminPlace place_;
  int cancel_;
};

}  // namespace weir::console

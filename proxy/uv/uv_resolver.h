// Names to addresses on libuv's thread pool: IPv4 and IPv6, each address once, in a fixed order (IPv4 first).
// Loop thread only. It waits for lookups that already run when it is cancelled, but calls nobody then.
#pragma once

#include <string>

#include "proxy/io/runtime.h"

namespace weir::uv {

class UvRuntime;
struct LookupTag;

class UvResolver {
 public:
  UvResolver();
  ~UvResolver();
  void resolve(UvRuntime& runtime, const std::string& host, io::Runtime::Resolved done);
  void cancel();  // before the loop's last round

 private:
  struct Lookup;
  static void finish(Lookup& lookup, int status, void* found);
  base::IntrusiveList<Lookup, LookupTag> running_;
};

}  // namespace weir::uv

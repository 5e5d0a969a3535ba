#include "proxy/uv/uv_resolver.h"

#include <uv.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "proxy/uv/socket_address.h"
#include "proxy/uv/uv_runtime.h"

namespace weir::uv {

namespace {

using Answer = base::Result<std::vector<io::Ip>, std::string>;

Answer to_answer(int status, const addrinfo* found) {
  if (status < 0) return base::unexpected(std::string(uv_strerror(status)));
  std::vector<io::Ip> ips;
  for (; found != nullptr; found = found->ai_next) {
    const io::Ip ip = ip_of(found->ai_addr);
    if (ip.family != io::Ip::Family::none) ips.push_back(ip);
  }
  if (ips.empty()) return base::unexpected(std::string("the name has no address"));
  std::sort(ips.begin(), ips.end(), [](const io::Ip& a, const io::Ip& b) {
    return std::tie(a.family, a.bytes) < std::tie(b.family, b.bytes);
  });
  ips.erase(std::unique(ips.begin(), ips.end()), ips.end());
  return ips;
}

}  // namespace

struct UvResolver::Lookup : base::ListHook<LookupTag> {
  uv_getaddrinfo_t request;
  UvRuntime* runtime = nullptr;
  io::Runtime::Resolved done;
};

UvResolver::UvResolver() = default;

UvResolver::~UvResolver() = default;

void UvResolver::resolve(UvRuntime& runtime, const std::string& host, io::Runtime::Resolved done) {
  auto lookup = std::make_unique<Lookup>();
  lookup->request.data = lookup.get();
  lookup->runtime = &runtime;
  lookup->done = std::move(done);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const auto on_found = [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
    finish(*static_cast<Lookup*>(request->data), status, found);
  };
  const int status =
      uv_getaddrinfo(runtime.loop(), &lookup->request, on_found, host.c_str(), nullptr, &hints);
  if (status == 0) {
    running_.push_back(*lookup.release());
  } else {
    runtime.post([status, answer = std::move(lookup->done)] { answer(to_answer(status, nullptr)); });
  }
}

void UvResolver::cancel() {
  while (!running_.empty()) {
    Lookup& lookup = running_.pop_front();
    lookup.done = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup.request));
  }
}

void UvResolver::finish(Lookup& lookup, int status, void* found) {
  const std::unique_ptr<Lookup> owned(&lookup);
  const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> addresses(static_cast<addrinfo*>(found),
                                                                        &uv_freeaddrinfo);
  if (!lookup.done) return;
  lookup.done(to_answer(status, addresses.get()));
  lookup.runtime->end_callback();
}

}  // namespace weir::uv

#include "proxy/epoll/resolver.h"

#include <netdb.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "proxy/epoll/socket_address.h"

namespace weir::epoll {

namespace {

using Answer = base::Result<std::vector<io::Ip>, std::string>;

Answer look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) return base::unexpected(std::string(::gai_strerror(status)));
  std::vector<io::Ip> ips;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const io::Ip ip = ip_of(at->ai_addr);
    if (ip.family != io::Ip::Family::none) ips.push_back(ip);
  }
  ::freeaddrinfo(found);
  if (ips.empty()) return base::unexpected(std::string("the name has no address"));
  std::sort(ips.begin(), ips.end(), [](const io::Ip& a, const io::Ip& b) {
    return std::tie(a.family, a.bytes) < std::tie(b.family, b.bytes);
  });
  ips.erase(std::unique(ips.begin(), ips.end()), ips.end());
  return ips;
}

}  // namespace

// What the resolver and its threads share.
struct Resolver::Desk {
  struct Lookup {
    std::string host;
    io::Runtime::Resolved done;
  };

  std::mutex mutex;
  io::Runtime* runtime;  // null once the resolver has gone
  std::deque<Lookup> waiting;
  int threads = 0;

  void work();
};

// A thread's life: lookups until none is left.
void Resolver::Desk::work() {
  std::unique_lock lock(mutex);
  while (runtime != nullptr && !waiting.empty()) {
    Lookup lookup = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    Answer answer = look_up(lookup.host);
    lock.lock();
    if (runtime == nullptr) break;
    runtime->post([done = std::move(lookup.done), answer = std::move(answer)] { done(answer); });
  }
  --threads;
}

Resolver::Resolver(io::Runtime& runtime) : desk_(std::make_shared<Desk>()) {
  desk_->runtime = &runtime;
}

Resolver::~Resolver() {
  const std::lock_guard lock(desk_->mutex);
  desk_->runtime = nullptr;
  desk_->waiting.clear();
}

void Resolver::resolve(const std::string& host, io::Runtime::Resolved done) {
  const std::lock_guard lock(desk_->mutex);
  desk_->waiting.push_back({host, std::move(done)});
  if (desk_->threads == kMostThreads) return;
  try {
    std::thread([desk = desk_] { desk->work(); }).detach();
    ++desk_->threads;
  } catch (const std::system_error& error) {
    if (desk_->threads > 0) return;  // those at work will come to it
    desk_->runtime->post([done = std::move(desk_->waiting.back().done), why = std::string(error.what())] {
      done(base::unexpected(why));
    });
    desk_->waiting.pop_back();
  }
}

}  // namespace weir::epoll

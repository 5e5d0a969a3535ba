#include "proxy/server/listeners.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/epoll/listen_socket.h"

namespace weir::server {
namespace {

using Kind = io::Address::Kind;
constexpr auto kLater = epoll::Begin::later;

std::shared_ptr<const io::ListenSocket> shared(io::ListenSocket socket) {
  return {new io::ListenSocket(socket), [](const io::ListenSocket* open) {
            epoll::close_listen_socket(*open);
            delete open;
          }};
}

std::shared_ptr<const void> until_unlinked(const io::Address& address) {
  if (address.kind != Kind::unix_path) return nullptr;
  return std::shared_ptr<const std::string>(new std::string(address.text_), [](const std::string* path) {
    ::unlink(path->c_str());
    delete path;
  });
}

// This process listens there already, perhaps on all addresses of the port, or on one of them.
bool overlaps(const io::Address& address, const Listeners& before) {
  return std::any_of(before.all().begin(), before.all().end(), [&](const Listening& listening) {
    return address.kind == Kind::ip && listening.bound.kind == Kind::ip && address.port != 0 &&
           address.port == listening.bound.port && address.ip.family == listening.bound.ip.family;
  });
}

using Sockets = base::Result<std::vector<io::ListenSocket>, std::string>;

void add(Listening& to, const std::vector<io::ListenSocket>& sockets) {
  for (const io::ListenSocket socket : sockets) to.sockets.push_back(shared(socket));
}

base::Result<void, std::string> add_sockets(Listening& to, std::size_t workers) {
  if (to.sockets.size() >= workers) return {};
  const std::size_t missing = workers - to.sockets.size();
  const Sockets more = to.bound.kind == Kind::unix_path
                           ? epoll::duplicate_listen_socket(*to.sockets.front(), missing)
                           : epoll::open_more_listen_sockets(to.bound, missing, kLater);
  if (!more) return base::unexpected(more.error());
  add(to, *more);
  return {};
}

base::Result<Listening, std::string> open_new(const config::Listener& wanted, std::size_t workers,
                                              const Listeners& before) {
  const Sockets sockets = overlaps(wanted.address, before)
                              ? epoll::open_more_listen_sockets(wanted.address, workers, kLater)
                              : epoll::open_listen_sockets(wanted.address, workers, kLater);
  if (!sockets) return base::unexpected(sockets.error());
  Listening opened;
  opened.config = wanted;
  opened.bound = wanted.address;
  opened.counts = std::make_shared<observe::ListenerCounts>(workers);
  opened.path = until_unlinked(wanted.address);
  if (wanted.address.kind != Kind::unix_path) opened.bound.port = epoll::bound_port(sockets->front());
  add(opened, *sockets);
  return opened;
}

}  // namespace

std::string called(const config::Listener& listener, const io::Address& bound) {
  if (listener.name == listener.address.text()) return bound.text();
  return fmt::format("{} ({})", bound.text(), listener.name);
}

// With port 0 several may have the same address.
const Listening* Listeners::find_untaken(const io::Address& address, const Listeners& in,
                                         const Listeners& taken) {
  const auto found = std::find_if(in.all_.begin(), in.all_.end(), [&](const Listening& listening) {
    return listening.config.address == address && !taken.has(*listening.counts);
  });
  return found == in.all_.end() ? nullptr : &*found;
}

base::Result<Listeners, std::string> Listeners::open(const std::vector<config::Listener>& wanted,
                                                     std::size_t workers, const Listeners& before) {
  Listeners opened;
  for (const config::Listener& each : wanted) {
    const Listening* known = find_untaken(each.address, before, opened);
    auto listening = known != nullptr ? *known : open_new(each, workers, before);
    if (listening) {
      listening->config = each;
      const auto enough = add_sockets(*listening, workers);
      if (!enough) listening = base::unexpected(enough.error());
    }
    if (!listening)
      return base::unexpected(
          fmt::format("cannot listen on {}: {}", called(each, each.address), listening.error()));
    opened.all_.push_back(std::move(*listening));
  }
  return opened;
}

std::vector<core::Entrance> Listeners::entrances(std::size_t place, std::size_t workers) const {
  std::vector<core::Entrance> entrances;
  for (const Listening& listening : all_)
    for (std::size_t i = place; i < listening.sockets.size(); i += workers)
      entrances.push_back({listening.sockets[i], listening.counts});
  return entrances;
}

base::Result<void, std::string> Listeners::start() const {
  for (const Listening& listening : all_)
    for (const auto& socket : listening.sockets)
      if (const auto started = epoll::start_listening(*socket); !started)
        return base::unexpected(fmt::format("cannot listen on {}: {}", called(listening), started.error()));
  return {};
}

bool Listeners::has(const observe::ListenerCounts& listener) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const Listening& listening) { return listening.counts.get() == &listener; });
}

}  // namespace weir::server

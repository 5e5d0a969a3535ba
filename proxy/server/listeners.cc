#include "proxy/server/listeners.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/epoll/listen_socket.h"
#include "proxy/policy/https_only.h"

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

std::shared_ptr<SocketFile> file_of(const io::Address& address, SocketFile::Owner owner) {
  if (address.kind != Kind::unix_path) return nullptr;
  return std::make_shared<SocketFile>(address.text_, owner);
}

// This process listens there already, or the one does whose place it takes.
bool overlaps(const io::Address& address, const Listeners& before, const InheritedSockets* inherited,
              const std::optional<io::Address>& admin) {
  if (before.overlap(address) || (admin && overlap(address, *admin))) return true;
  return inherited != nullptr &&
         std::any_of(inherited->places().begin(), inherited->places().end(),
                     [&](const io::Address& bound) { return overlap(address, bound); });
}

using Sockets = base::Result<std::vector<io::ListenSocket>, std::string>;

void add(Listening& to, const std::vector<io::ListenSocket>& sockets) {
  for (const io::ListenSocket socket : sockets) to.sockets.push_back(shared(socket));
}

base::Result<void, std::string> add_sockets(Listening& to, std::size_t workers) {
  if (to.sockets.size() >= workers) return {};
  const std::size_t missing = workers - to.sockets.size();
  const Sockets more = to.is_one_socket() ? epoll::duplicate_listen_socket(*to.sockets.front(), missing)
                                          : epoll::open_more_listen_sockets(to.bound, missing, kLater);
  if (!more) return base::unexpected(more.error());
  add(to, *more);
  return {};
}

Listening take_over(SocketGroup group, std::size_t workers) {
  Listening taken;
  taken.bound = group.bound;
  taken.maker = group.maker;
  taken.counts = std::make_shared<observe::ListenerCounts>(workers);
  if (group.maker == SocketMaker::weir) taken.file = file_of(group.bound, SocketFile::Owner::another);
  for (epoll::Descriptor& socket : group.sockets)
    taken.sockets.push_back(shared(io::ListenSocket{socket.let_go()}));
  return taken;
}

base::Result<Listening, std::string> open_new(const config::Listener& wanted, std::size_t workers,
                                              const Listeners& before, InheritedSockets* inherited,
                                              const std::optional<io::Address>& admin) {
  if (inherited != nullptr)
    if (auto group = inherited->take(SocketGroup::Use::listener, wanted.address))
      return take_over(std::move(*group), workers);
  const Sockets sockets = overlaps(wanted.address, before, inherited, admin)
                              ? epoll::open_more_listen_sockets(wanted.address, workers, kLater)
                              : epoll::open_listen_sockets(wanted.address, workers, kLater);
  if (!sockets) return base::unexpected(sockets.error());
  Listening opened;
  opened.config = wanted;
  opened.bound = wanted.address;
  opened.counts = std::make_shared<observe::ListenerCounts>(workers);
  opened.file = file_of(wanted.address, SocketFile::Owner::this_process);
  if (wanted.address.kind != Kind::unix_path) opened.bound.port = epoll::bound_port(sockets->front());
  add(opened, *sockets);
  return opened;
}

}  // namespace

bool overlap(const io::Address& address, const io::Address& bound) {
  return address.kind == Kind::ip && bound.kind == Kind::ip && address.port != 0 &&
         address.port == bound.port && address.ip.family == bound.ip.family;
}

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
                                                     std::size_t workers, const Listeners& before,
                                                     InheritedSockets* inherited,
                                                     const std::optional<io::Address>& admin) {
  Listeners opened;
  for (const config::Listener& each : wanted) {
    const Listening* known = find_untaken(each.address, before, opened);
    auto listening = known != nullptr ? *known : open_new(each, workers, before, inherited, admin);
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
      entrances.push_back({listening.sockets[i], listening.counts, listening.reception});
  return entrances;
}

std::shared_ptr<const core::HttpsRules> Listeners::https_rules(const Listening& listening) const {
  const config::Listener& config = listening.config;
  if (!config.redirects_to && !config.hsts) return nullptr;
  core::HttpsRules rules;
  if (config.redirects_to) rules.redirect = all_[*config.redirects_to].bound.port;
  if (config.hsts) rules.hsts = policy::strict_transport_security(*config.hsts);
  return std::make_shared<const core::HttpsRules>(std::move(rules));
}

void Listeners::use_terms() const {
  for (const Listening& listening : all_)
    listening.reception->use(
        {.tls = listening.config.settings.value,
         .protocol = listening.config.protocol,
         .max_connection_age = listening.config.max_connection_age,
         .mode = listening.config.mode,
         .proxy_protocol = listening.config.proxy_protocol,
         .name = listening.config.name,
         .https = https_rules(listening),
         .admission = policy::make_admission(listening.config.access, listening.config.rate_limit,
                                             "listener " + listening.config.name)});
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

bool Listeners::overlap(const io::Address& address) const {
  return std::any_of(all_.begin(), all_.end(),
                     [&](const Listening& listening) { return server::overlap(address, listening.bound); });
}

void Listeners::set_owner_of_files(SocketFile::Owner owner) const {
  for (const Listening& listening : all_)
    if (listening.file) listening.file->set_owner(owner);
}

}  // namespace weir::server

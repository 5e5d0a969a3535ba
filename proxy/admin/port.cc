#include "proxy/admin/port.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/ascii.h"

namespace weir::admin {
namespace {

constexpr codec::HeadLimits kHeadLimits{16 * 1024, 100, 8 * 1024};

// Without its port, without the brackets of IPv6, in lower case.
std::string bare_host(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else if (const std::size_t colon = host.find(':'); colon == host.rfind(':')) {
    host = host.substr(0, colon);
  }
  std::string bare(host);
  std::transform(bare.begin(), bare.end(), bare.begin(), base::lower);
  return bare;
}

}  // namespace

Port::Port(io::Runtime& runtime, io::ListenSocket socket, io::Address address, std::vector<std::string> hosts,
           PortHandler& handler)
    : runtime_(runtime), address_(std::move(address)), hosts_(std::move(hosts)), handler_(handler) {
  for (std::string& host : hosts_) host = bare_host(host);
  scratch_.limits = kHeadLimits;
  listener_ = runtime.listen(socket, *this);
}

Port::~Port() {
  listener_.reset();
  connections_.for_each([](Connection& connection) { connection.close(); });
  runtime_.graveyard().clear();  // connections that still know of the scratch
}

void Port::on_accept(io::TransportPtr transport) {
  if (count_ >= kMostConnections && !make_room()) return;  // it is closed
  auto* connection = new Connection(*this, runtime_, scratch_, std::move(transport), next_id_++);
  connections_.push_back(*connection);
  ++count_;
}

// Whoever has asked for nothing for longest goes: one that was answered for good before one that is between
// two requests, and that before one that has begun another. Those that wait for an answer or take one stay.
bool Port::make_room() {
  for (const auto may_go : {&Connection::lingering, &Connection::idle, &Connection::reading}) {
    Connection* longest = nullptr;
    connections_.for_each([&](Connection& connection) {
      if (!longest && (connection.*may_go)()) longest = &connection;
    });
    if (!longest) continue;
    longest->close();
    return true;
  }
  return false;
}

void Port::on_request(Connection& from, const Request& request) {
  from.base::ListHook<ConnectionTag>::unlink();
  connections_.push_back(from);
  if (may_ask(request.host)) return handler_.on_request(from.id(), request);
  from.answer(
      error_answer(403, fmt::format("the Host of this request is not the admin address, localhost or one "
                                    "of admin.hosts; add it there: \"{}\"",
                                    request.host)));
}

// A name that the page of a stranger could have pointed here is refused. Where it listens on all addresses,
// no address can be such a name.
bool Port::may_ask(std::string_view host) const {
  const std::string bare = bare_host(host);
  if (bare == "localhost" || std::find(hosts_.begin(), hosts_.end(), bare) != hosts_.end()) return true;
  const auto ip = io::Ip::parse(bare);
  if (!ip || address_.kind != io::Address::Kind::ip) return false;
  return address_.ip.is_any() || *ip == address_.ip;
}

void Port::on_closed(Connection& connection) {
  connection.base::ListHook<ConnectionTag>::unlink();
  --count_;
  runtime_.graveyard().retire(std::unique_ptr<Connection>(&connection));
}

Connection* Port::find(std::uint64_t id) {
  Connection* found = nullptr;
  connections_.for_each([&](Connection& connection) {
    if (connection.id() == id) found = &connection;
  });
  return found;
}

void Port::answer(std::uint64_t id, Answer answer) {
  if (Connection* connection = find(id)) connection->answer(std::move(answer));
}

void Port::follow(std::uint64_t id, std::string_view type, std::string_view first) {
  Connection* connection = find(id);
  if (!connection) return;
  if (followers() >= kMostFollowers)
    return connection->answer(error_answer(503, "too many follow the events already"));
  connection->stream(type);
  connection->push(first);
}

void Port::push(std::string_view text) {
  connections_.for_each([&](Connection& connection) {
    if (connection.streaming()) connection.push(text);
  });
}

std::size_t Port::followers() {
  std::size_t count = 0;
  connections_.for_each([&](Connection& connection) { count += connection.streaming() ? 1 : 0; });
  return count;
}

}  // namespace weir::admin

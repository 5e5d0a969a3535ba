#include "proxy/admin/port.h"

#include <utility>

#include <fmt/format.h>

namespace weir::admin {
namespace {

constexpr codec::HeadLimits kHeadLimits{16 * 1024, 100, 8 * 1024};

}  // namespace

Port::Port(io::Runtime& runtime, io::ListenSocket socket, AllowedHosts hosts, PortHandler& handler)
    : runtime_(runtime), hosts_(std::move(hosts)), handler_(handler) {
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
// two requests, that before one that has begun another, and that before one that does not take its answer.
// Those that wait for an answer or take one stay.
bool Port::make_room() {
  for (const auto may_go :
       {&Connection::lingering, &Connection::idle, &Connection::reading, &Connection::stalled}) {
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

std::optional<Answer> Port::refusal(const Request& request) const {
  if (hosts_.allow(request.host)) return handler_.refusal(request);
  if (request.host.empty())
    return error_answer(403, "this request has no Host, which has to be the admin address");
  return error_answer(403, fmt::format("the Host of this request is not the admin address, localhost or one "
                                       "of admin.hosts; add it there: \"{}\"",
                                       request.host));
}

void Port::on_request(Connection& from, const Request& request) {
  from.base::ListHook<ConnectionTag>::unlink();
  connections_.push_back(from);
  if (auto refused = refusal(request)) return from.answer(std::move(*refused));
  handler_.on_request(from.id(), request);
}

void Port::on_closed(Connection& connection) {
  connection.base::ListHook<ConnectionTag>::unlink();
  --count_;
  if (connection.streaming()) --followers_;
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
  ++followers_;
  connection->stream(type);
  connection->push(first);
}

void Port::push(std::string_view text) {
  connections_.for_each([&](Connection& connection) {
    if (connection.streaming()) connection.push(text);
  });
}

void Port::end_followers() {
  connections_.for_each([](Connection& connection) {
    if (connection.streaming()) connection.close();
  });
}

}  // namespace weir::admin

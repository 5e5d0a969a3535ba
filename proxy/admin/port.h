// The admin port: a listening socket, its few connections, and who may ask (by Host). What a request means is
// the handler's business. Its limits are its own, and its connections may take descriptors that clients of
// the proxy cannot, so that traffic never starves it. Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/admin/allowed_hosts.h"
#include "proxy/admin/connection.h"
#include "proxy/io/address.h"
#include "proxy/io/runtime.h"

namespace weir::admin {

class PortHandler {
 public:
  // The answer to a request that is not served, whatever its body says (that may be yet to come); none for
  // others.
  virtual std::optional<Answer> refusal(const Request& request) const = 0;
  // One that refusal() has let pass. Answered by Port::answer or Port::follow with the same id, now or later.
  virtual void on_request(std::uint64_t id, const Request& request) = 0;

 protected:
  ~PortHandler() = default;
};

class Port final : io::AcceptHandler, ConnectionOwner {
 public:
  static constexpr std::size_t kMostConnections = 64;
  static constexpr std::size_t kMostFromReserve = 8;
  static constexpr std::size_t kMostFollowers = 16;  // of them, that follow events

  // The socket stays its maker's.
  Port(io::Runtime& runtime, io::ListenSocket socket, AllowedHosts hosts, PortHandler& handler);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // To the request of this id, unless its client has gone meanwhile.
  void answer(std::uint64_t id, Answer answer);
  // The client of this request follows what push() sends, beginning with `first`.
  void follow(std::uint64_t id, std::string_view type, std::string_view first);
  void push(std::string_view text);
  void end_followers();
  void stop_listening() { listener_.reset(); }
  void allow(AllowedHosts hosts) { hosts_ = std::move(hosts); }
  std::size_t followers() const { return followers_; }

 private:
  void on_accept(io::TransportPtr transport) override;
  void on_short_of_descriptors() override { make_room(); }
  // A few may take what is kept back; not all, since connections to nodes live on it too. Followers take none
  // away from those that ask.
  bool takes_reserve() const override { return count_ - followers() < kMostFromReserve; }
  std::optional<Answer> refusal(const Request& request) const override;
  void on_request(Connection& from, const Request& request) override;
  void on_closed(Connection& connection) override;
  bool make_room();
  Connection* find(std::uint64_t id);

  io::Runtime& runtime_;
  AllowedHosts hosts_;
  PortHandler& handler_;
  codec::Scratch scratch_;
  base::IntrusiveList<Connection, ConnectionTag> connections_;  // the latest used last
  std::size_t count_ = 0;
  std::size_t followers_ = 0;  // of them
  std::uint64_t next_id_ = 1;
  std::unique_ptr<io::Listener> listener_;
};

}  // namespace weir::admin

// HTTP/2 towards nodes: many exchanges at a time on one connection, as many as the node allows. Owned by an
// upstream connection, which feeds it what was read and writes what it gathers, as h2_server.h says. A node
// that breaks the rules of HTTP/2 itself ends the connection, one that breaks them inside an answer that
// answer alone. It never takes pushes. Sans-I/O; loop thread only.
#pragma once

#include <string>

#include "proxy/codec/h2_client_stream.h"
#include "proxy/codec/h2_session.h"

namespace weir::codec {

class H2Client final : public H2Session {
 public:
  // What follows from a Sec-WebSocket-Key (RFC 6455 4.2.2); it takes a hash that this layer does not have.
  using MakeAccept = std::string (*)(std::string_view key);

  // `scheme`, of static text, is what requests are said to be of.
  H2Client(ClientCodecOwner& owner, Scratch& scratch, std::string_view scheme, MakeAccept make_accept);

  // Only while more_streams() allows it. The request head is to be sent next.
  http::Stream& open(http::StreamHandler& handler);
  // How many may be opened now. Until the node's settings come, nobody knows; it may refuse some.
  std::size_t more_streams() const;

  // Bytes in. What is given must stay valid until the flush of this turn.
  void receive(std::string_view bytes);
  void receive_end();
  void receive_error();
  void send_failed();
  void fail(const base::Error& error);  // ends all streams for their handlers; the connection is to be closed

  // on_idle() is called when the last of its streams is over.
  bool idle() const;
  bool reusable() const { return next() == Next::keep && takes_streams() && !send_failed_; }
  bool unanswered() const;  // there are requests, and nothing of any answer
  bool settled() const { return settled_; }
  // Upgrades (RFC 8441), once settled(); before, they wait.
  bool takes_upgrades() const;
  // Asks whether the node is there; awaits_ping() until it has answered.
  void ping();
  bool awaits_ping() const { return pings_answered_ < pings_; }

  // To streams.
  std::string_view scheme() const { return scheme_; }
  std::string accept_of(std::string_view key) const { return make_accept_(key); }
  bool takes_streams() const;
  void begun(H2ClientStream& stream);
  void stream_over();

 private:
  std::optional<H2Head::Kind> on_head_begun(std::int32_t id) override;
  void on_head(H2Head& head, H2Head::Ends ends) override;
  void on_data(std::int32_t id, std::string_view bytes) override;
  void on_end(std::int32_t id) override;
  void on_malformed(std::int32_t id) override;
  void on_peer_reset(std::int32_t id, H2Code code) override;
  void on_closed(H2Stream& stream, H2Code code) override;
  void on_ping_answered(std::uint64_t ping) override;
  void on_peer_settings() override;
  void on_peer_goaway(std::int32_t last) override;
  void on_swept() override;
  void end_streams(const base::Error& error) override;
  base::Error broken(H2Code code) const override;

  H2ClientStream* find_stream(std::int32_t id) const { return static_cast<H2ClientStream*>(find(id)); }
  template <class F>
  void for_each_handled(F&& f);
  void lose(base::Reason before_answer, std::string_view detail);

  ClientCodecOwner& client_owner_;
  std::string_view scheme_;
  MakeAccept make_accept_;
  std::vector<std::unique_ptr<H2ClientStream>> unsent_;  // whose heads are not
  std::uint64_t pings_ = 0;
  std::uint64_t pings_answered_ = 0;
  bool settled_ = false;
  bool going_away_ = false;
  bool send_failed_ = false;
};

}  // namespace weir::codec

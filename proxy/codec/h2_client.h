// HTTP/2 towards nodes: many exchanges at a time on one connection, as many as the node allows. Owned by an
// upstream connection, which feeds it what was read and writes what it gathers, as h2_server.h says. A node
// that breaks the rules of HTTP/2 itself ends the connection, one that breaks them inside an answer that
// answer alone. It never takes pushes. Sans-I/O; loop thread only.
#pragma once

#include <string>

#include "proxy/codec/h2_client_stream.h"
#include "proxy/codec/h2_session.h"

namespace weir::codec {

class H2Client final : public ClientCodec, public H2Session {
 public:
  // Before the node has said how many it allows, what RFC 9113 6.5.2 asks everybody to allow.
  static constexpr std::size_t kPresumedStreams = 100;

  // What follows from a Sec-WebSocket-Key (RFC 6455 4.2.2); it takes a hash that this layer does not have.
  using MakeAccept = std::string (*)(std::string_view key);

  // `scheme`, of static text, is what requests are said to be of.
  H2Client(ClientCodecOwner& owner, Scratch& scratch, std::string_view scheme, MakeAccept make_accept);

  // ClientCodec
  http::Stream& open(http::StreamHandler& handler) override;
  // Until the node's settings come, nobody knows; it may refuse some.
  std::size_t more_streams() const override;
  void receive(std::string_view bytes) override;
  void receive_end() override;
  void receive_error() override;
  void send_failed() override;
  void fail(const base::Error& error) override;
  void produce(std::size_t room) override { H2Session::produce(room); }
  bool wants_room() const override { return H2Session::wants_room(); }
  OutQueue& queue() override { return H2Session::queue(); }
  void sent(std::size_t wire_bytes) override { H2Session::sent(wire_bytes); }
  Next next() const override { return H2Session::next(); }
  void shutdown_done() override { H2Session::shutdown_done(); }
  bool wants_read() const override { return H2Session::wants_read(); }
  bool idle() const override { return handled_ == 0; }
  bool reusable() const override { return next() == Next::keep && takes_streams() && !send_failed_; }
  bool unanswered() const override;

  // How many streams the node takes at a time; what is presumed of it until it has said so.
  std::size_t most_streams() const;
  void presume(std::size_t streams) { presumed_streams_ = streams; }
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
  std::size_t presumed_streams_ = kPresumedStreams;
  std::size_t handled_ = 0;  // streams that somebody listens to
  bool settled_ = false;
  bool is_h1_ = false;  // what the node speaks
  bool going_away_ = false;
  bool send_failed_ = false;
};

}  // namespace weir::codec

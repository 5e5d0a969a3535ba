// One request and its answer on a connection from a client. Loop thread only.
//
//   receiving:  head -> body -> complete     an upgrade: head -> waiting -> tunnel -> complete
//   sending:    idle -> body -> done         an upgrade: idle -> tunnel -> done
//
// A head that opens the answer waits until the turn ends or more follows, so that one with nothing behind it
// ends its stream itself.
#pragma once

#include <string>

#include "proxy/codec/h2_stream.h"

namespace weir::codec {

class H2Server;

class H2ServerStream final : public H2Stream {
 public:
  H2ServerStream(H2Server& server, std::int32_t id);
  ~H2ServerStream() override;

  // What the request's head says of both directions. Before start() or while the owner answers.
  void begin(const http::Request& request, H2Head::Ends ends);
  void start(http::StreamHandler& handler, http::Request& request);
  void hold_head(std::size_t bytes);  // of its head, as long as it is there
  void begin_refusal() { refusing_ = true; }
  void end_refusal();  // the answer's bytes are lent no longer: another refusal may follow in the same turn

  void receive_data(std::string_view bytes);
  void receive_end();
  void receive_trailers(H2Head& head);
  bool takes_trailers() const { return receiving_ == Receiving::body; }
  void note_peer_reset() { peer_reset_ = true; }
  void lose(const base::Error& error);  // the rest of the request can never come
  bool peer_ended() const { return peer_ended_; }
  void closed();

  bool in_tunnel() const { return has_handler() && (sending_ == Sending::tunnel || tunnel_); }
  // Bytes came before the tunnel did.
  bool has_early() const { return receiving_ == Receiving::tunnel && (!early_.empty() || early_end_); }
  void receive_early(std::string& spent);

  // Stream
  void send(http::Event&& event) override;
  void reset(const base::Error& error) override;

  void submit_waiting() override;
  void on_end_framed() override;

 private:
  enum class Receiving : std::uint8_t { head, body, waiting, tunnel, complete, drop };
  enum class Sending : std::uint8_t { idle, body, tunnel, done };

  bool answering() const override { return refusing_; }
  void send_head(http::Response& head);
  void begin_tunnel(http::Response& head);
  void end_message();
  void end_tunnel();
  void finish();
  void submit(H2Head::Ends ends);
  std::uint32_t code_for(const base::Error& error) const;

  std::unique_ptr<H2Pairs> head_;  // that waits
  std::string early_;
  std::size_t head_bytes_ = 0;
  Receiving receiving_ = Receiving::head;
  Sending sending_ = Sending::idle;
  bool is_head_ : 1 = false;
  bool upgrade_ : 1 = false;
  bool tunnel_ : 1 = false;
  bool bodyless_ : 1 = false;
  bool refusing_ : 1 = false;
  bool early_end_ = false;
  bool peer_ended_ : 1 = false;
  bool peer_reset_ : 1 = false;
  bool end_framed_ : 1 = false;
};

}  // namespace weir::codec

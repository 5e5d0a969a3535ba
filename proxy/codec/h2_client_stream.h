// One request to a node and its answer. Loop thread only.
//
//   sending:    idle -> body -> done          an upgrade: idle -> offered -> tunnel -> done
//   receiving:  head -> body -> complete      an upgrade: head -> tunnel -> complete
//
// An upgrade is an extended CONNECT (RFC 8441). Whether the node takes those is known once its settings have
// come, so that its head may have to wait for them.
#pragma once

#include <string>

#include "proxy/codec/h2_stream.h"

namespace weir::codec {

class H2Client;

class H2ClientStream final : public H2Stream {
 public:
  H2ClientStream(H2Client& client, http::StreamHandler& handler);

  bool awaits_head() const { return receiving_ == Receiving::head; }
  // Nothing of an answer has come.
  bool unanswered() const { return awaits_head() && interim_bytes_ == 0; }
  bool takes_trailers() const { return receiving_ == Receiving::body; }

  void receive_head(H2Head& head, H2Head::Ends ends);
  void receive_trailers(H2Head& head);
  void receive_data(std::string_view bytes);
  void receive_end();
  void note_peer_reset(std::uint32_t code);
  void closed(std::uint32_t code);
  // The connection ended, or takes nothing more.
  void lose(base::Reason before_answer, std::string_view detail);
  void send_failed(const base::Error& error);
  void fail(const base::Error& error) override;
  void break_off(const base::Error& error);  // the same, and the node hears of it

  // Stream
  void send(http::Event&& event) override;
  void reset(const base::Error& error) override;

  void submit_waiting() override;

 private:
  enum class Sending : std::uint8_t { idle, body, offered, tunnel, done, failed };
  enum class Receiving : std::uint8_t { head, body, tunnel, complete };

  void send_head(const http::Request& request);
  void offer(const http::Request& request);
  void submit(H2Head::Ends ends);
  void end_message();
  void receive_interim(H2Head& head, http::Response& response);
  void begin_tunnel(http::Response& response);
  void settle_length(http::Response& response, H2Head::Ends ends) const;
  void complete();
  void finish();

  H2Client& client_;
  std::unique_ptr<H2Pairs> head_;  // that waits
  std::string protocol_;           // that is offered
  std::string key_;                // of the WebSocket handshake
  std::uint64_t to_come_ = 0;      // of a body that is counted
  std::size_t interim_bytes_ = 0;  // of the interim heads; all of them are bounded like one
  Sending sending_ = Sending::idle;
  Receiving receiving_ = Receiving::head;
  bool is_head_ : 1 = false;
  bool bodyless_ : 1 = false;  // the request
  bool peer_reset_ : 1 = false;
  bool counted_ : 1 = false;  // the answer says how long its body is
};

}  // namespace weir::codec

// HTTP/1.1 towards clients: one request at a time, pipelined ones held back (at most limits.header bytes of
// them) until their turn. Owned by a downstream connection, which feeds it what was read and writes what it
// gathers. It is its own Stream, since there is only ever one. Sans-I/O; loop thread only.
//
//   receiving:  head -> body -> complete -> head ...   tunnel after a 101; drop once the connection is to end
//   sending:    idle -> body -> done -> idle ...       tunnel after a 101
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/codec/codec.h"
#include "proxy/codec/h1_body.h"
#include "proxy/codec/h1_parser.h"
#include "proxy/codec/h1_writer.h"
#include "proxy/codec/out_queue.h"

namespace weir::codec {

class H1Server final : public ServerCodec, public http::Stream {
 public:
  H1Server(ServerCodecOwner& owner, Scratch& scratch) : owner_(owner), queue_(scratch) {}

  // Bytes in. What is given must stay valid until the flush of this turn.
  void receive(std::string_view bytes);
  void receive(std::string_view bytes, base::Time) override { receive(bytes); }
  void receive_end() override;
  void receive_error() override;
  void send_failed() override;
  void abandon(const base::Error& error) override;
  void resume() override;  // what follows the present request, once that is over
  bool has_held() const override;

  // Bytes out: gathered as they come.
  void produce(std::size_t) override {}
  bool wants_room() const override { return false; }
  OutQueue& queue() override { return queue_; }
  void sent(std::size_t wire_bytes) override;

  Next next() const override { return next_; }
  void shutdown_done() override {
    if (next_ == Next::shutdown_write) next_ = Next::keep;
  }
  bool wants_read() override;
  bool in_head() const override { return !stream_ && receiving_ == Receiving::head && held_; }
  bool in_stream() const override { return stream_ != nullptr; }
  bool has_orphans() const override { return false; }
  bool in_tunnel() const override { return stream_ != nullptr && framing_ == Framing::tunnel; }
  std::size_t held_bytes() const override {
    return (held_ ? held_->bytes.size() : 0) + (stream_ != nullptr ? stream_->held_bytes() : 0);
  }
  bool client_is_done() const override { return client_is_done_; }
  // The next final head says Connection: close.
  void drain() override { draining_ = true; }
  void finish_drain() override { draining_ = true; }
  void refuse_head(const base::Error& error) override;

  // Stream
  void send(http::Event&& event) override;
  void grant(std::size_t bytes) override;
  void reset(const base::Error& error) override;
  std::uint64_t delivered(std::size_t in_flight) const override { return queue_.reached(in_flight); }
  bool withheld(std::size_t) const override { return false; }

 private:
  enum class Receiving : std::uint8_t { head, body, complete, tunnel, tunnel_ended, drop };
  enum class Sending : std::uint8_t { idle, body, tunnel, done };
  struct Held {
    std::string bytes;
    HeadScan scan;
  };

  std::size_t receive_head(std::string_view bytes);
  std::size_t receive_rest_of_head(std::string_view bytes);
  std::size_t receive_body(std::string_view bytes);
  void receive_tunnel(std::string_view bytes);
  void hold(std::string_view bytes);
  std::string_view spend_held();
  void start(std::string_view head);
  void refuse(const base::Error& error);
  void send_head(http::Response& head);
  void begin_tunnel();
  void send_body(std::string_view bytes);
  void send_end();
  void finish();
  void end_tunnel();
  bool has_pipelined() const;
  const HeadLimits& limits() { return queue_.scratch().limits; }
  void owe(std::size_t bytes);

  ServerCodecOwner& owner_;
  http::StreamHandler* stream_ = nullptr;
  OutQueue queue_;
  std::unique_ptr<Held> held_;  // part of a head, or what follows the present request
  H1Body body_;
  std::uint32_t owed_ = 0;
  Receiving receiving_ = Receiving::head;
  Sending sending_ = Sending::idle;
  Framing framing_ = Framing::none;
  Next next_ = Next::keep;
  bool paused_ : 1 = false;
  bool http10_ : 1 = false;
  bool is_head_ : 1 = false;
  bool keep_alive_ : 1 = true;
  bool client_closes_ : 1 = false;  // it asked for the end of the connection with this request
  bool client_is_done_ : 1 = false;
  bool had_body_ : 1 = false;  // behind which old clients send an empty line
  bool last_chunk_sent_ : 1 = false;
  bool refusing_ : 1 = false;  // the stream is answered by the owner; no handler
  bool draining_ : 1 = false;
  bool read_ended_ : 1 = false;
  std::uint8_t empty_lines_ = 0;
};

}  // namespace weir::codec

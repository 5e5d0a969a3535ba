// HTTP/1.1 towards nodes: one exchange at a time on one connection, and the judgement whether another may
// follow. Owned by an upstream connection, which feeds it what was read and writes what it gathers. It is its
// own Stream. Whatever a node sends that is not exactly one response to exactly this request ends the
// connection. Sans-I/O; loop thread only.
//
//   receiving:  idle -> head -> body -> complete -> idle    tunnel after a 101 that was asked for
//   sending:    idle -> body -> done -> idle
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

class H1Client final : public ClientCodec, public http::Stream {
 public:
  H1Client(ClientCodecOwner& owner, Scratch& scratch) : owner_(owner), queue_(scratch) {}

  // ClientCodec
  http::Stream& open(http::StreamHandler& handler) override;
  std::size_t more_streams() const override { return reusable() ? 1 : 0; }
  void receive(std::string_view bytes) override;
  void receive_end() override;
  void receive_error() override;
  void send_failed() override;
  void fail(const base::Error& error) override;
  void produce(std::size_t) override {}
  bool wants_room() const override { return false; }
  OutQueue& queue() override { return queue_; }
  void sent(std::size_t wire_bytes) override;
  Next next() const override { return next_; }
  void shutdown_done() override {
    if (next_ == Next::shutdown_write) next_ = Next::keep;
  }
  bool wants_read() const override { return !paused_; }
  bool idle() const override { return !stream_; }
  bool reusable() const override { return !stream_ && next_ == Next::keep; }
  bool unanswered() const override {
    return stream_ && receiving_ == Receiving::head && !held_ && interim_bytes_ == 0;
  }

  // What the node said of how long it keeps idle connections; of the latest response.
  const ConnectionOptions& node_says() const { return node_says_; }

  // Stream
  void send(http::Event&& event) override;
  void grant(std::size_t bytes) override;
  void reset(const base::Error& error) override;
  std::uint64_t delivered(std::size_t in_flight) const override { return queue_.reached(in_flight); }
  bool withheld(std::size_t) const override { return false; }

 private:
  enum class Receiving : std::uint8_t { idle, head, body, complete, tunnel, tunnel_ended };
  enum class Sending : std::uint8_t { idle, body, done, failed };
  struct Held {
    std::string bytes;
    HeadScan scan;
  };

  std::size_t receive_head(std::string_view bytes);
  enum class Behind : std::uint8_t { nothing, bytes };  // a head, in what was read
  bool start(std::string_view head, Behind behind);
  bool was_offered(std::string_view protocol) const;
  bool begin_body(http::Response& head, Behind behind);
  std::size_t receive_body(std::string_view bytes);
  void receive_complete();
  void lost(std::string_view detail, base::Reason in_head);
  void send_head(const http::Request& head);
  void send_body(std::string_view bytes);
  void send_end();
  void finish();
  const HeadLimits& limits() { return queue_.scratch().limits; }
  void owe(std::size_t bytes);

  ClientCodecOwner& owner_;
  http::StreamHandler* stream_ = nullptr;
  OutQueue queue_;
  std::unique_ptr<Held> held_;
  H1Body body_;
  ConnectionOptions node_says_;
  std::unique_ptr<std::string> offered_;  // the protocols that the request offers to switch to
  std::size_t interim_bytes_ = 0;  // of this response's interim heads; all of them are bounded like one head
  std::uint32_t owed_ = 0;
  Receiving receiving_ = Receiving::idle;
  Sending sending_ = Sending::idle;
  Framing framing_ = Framing::none;
  Next next_ = Next::keep;
  bool paused_ : 1 = false;
  bool is_head_ : 1 = false;
  bool keep_alive_ : 1 = true;
  bool last_chunk_sent_ : 1 = false;
  bool tunnel_sent_ : 1 = false;  // our half of the tunnel has ended
};

}  // namespace weir::codec

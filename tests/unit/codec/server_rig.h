// An H1Server with the world around it played by hand: a transport of which the test says how much it takes,
// an owner and a handler that write down what they hear. A call of read() is one turn of the loop: what was
// given is gone from memory when it returns, as the runtime's read buffer would be.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec/h1_server.h"
#include "tests/unit/codec/transcript.h"

namespace weir::codec {

inline constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline constexpr std::string_view kPost = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n";

class ServerRig final : private ServerCodecOwner, private http::StreamHandler {
 public:
  // When the request is answered: by the test, with 200 "ok" once it is whole, or at its head already.
  enum class Answers : std::uint8_t { by_hand, at_end, at_head };

  explicit ServerRig(Answers answers = Answers::by_hand, HeadLimits limits = {})
      : codec(*this, scratch_), answers_(answers) {
    scratch_.limits = limits;
  }

  // Turns of the loop.
  void read(std::string_view bytes);  // then also what has been held back
  void read_without_resuming(std::string_view bytes);
  void read_in_pieces(std::string_view bytes, std::size_t piece);
  void read_end();
  void read_error();
  void kernel_takes(std::size_t bytes);
  void turn();  // flush, resume what is held, flush ...

  // The handler's side, each with the flush that ends a turn.
  void answer(int status, std::string_view body);
  void send(http::Event&& event);
  void send_head(http::Response head);
  void send_body(std::string_view bytes) { send(http::Body{bytes}); }
  void send_end() { send(http::End{}); }
  void grant(std::size_t bytes) { stream_->grant(bytes); }
  void reset(base::Fault fault = base::Fault::ourselves) {
    stream_->reset({base::Reason::internal, fault, base::Retry::never, 0, "test"});
  }

  // Between two requests, with nothing of the next one there.
  bool idle() { return !codec.in_stream() && !codec.in_head() && codec.next() == Next::keep; }

  std::string take_wire() { return std::exchange(wire, {}); }

 private:
  Scratch scratch_;

 public:
  H1Server codec;
  Transcript log;
  std::string wire;              // all that was written
  std::size_t takes = SIZE_MAX;  // how much the kernel takes at a flush
  std::uint64_t on_sent_bytes = 0;
  std::vector<int> statuses;  // of final heads, in order
  std::uint64_t changes = 0;  // on_codec_changed calls
  bool grants = true;         // bodies are granted back at once

 private:
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override { ++changes; }
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override;
  void on_send_failed(const base::Error& error) override;
  void on_receive_failed(const base::Error& error) override;
  void on_reset(const base::Error& error) override;
  void reply(int status, std::string_view body);
  void flush();

  Answers answers_;
  http::Stream* stream_ = nullptr;
  std::deque<std::string> replies_;  // lent until the flush
};

}  // namespace weir::codec

// An H2Server with the world around it played by hand, as server_rig.h does it for an H1Server. Each stream
// has a handler of its own, which writes down what it hears. What is lent is gone from memory, and
// overwritten, when its turn ends.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec/h2_server.h"
#include "tests/unit/codec/h2_frames.h"
#include "tests/unit/codec/h2_peer.h"
#include "tests/unit/codec/transcript.h"

namespace weir::codec {

class H2ServerRig final : private ServerCodecOwner {
 public:
  enum class Answers : std::uint8_t { by_hand, at_end, at_head };

  // A stream and who hears of it.
  class Heard final : public http::StreamHandler {
   public:
    Heard(H2ServerRig& rig, http::Stream& its_stream) : stream(its_stream), rig_(rig) {}

    http::Stream& stream;
    Transcript log;
    std::uint64_t sent = 0;
    std::uint64_t owed = 0;
    bool over = false;  // it was reset
    base::Error error;

   private:
    void on_event(http::Event&& event) override;
    void on_sent(std::size_t bytes) override { sent += bytes; }
    void on_send_failed(const base::Error&) override { log.line("send failed"); }
    void on_receive_failed(const base::Error& why) override;
    void on_reset(const base::Error& why) override;
    H2ServerRig& rig_;
  };

  explicit H2ServerRig(Answers answers = Answers::by_hand, HeadLimits limits = {}, H2Limits h2_limits = {});

  // Turns.
  void read(std::string_view bytes);
  void read_in_pieces(std::string_view bytes, std::size_t piece);
  void read_end();
  void flush();
  void turn();  // flush, go on with what is held, flush ...
  void kernel_takes(std::size_t bytes) { codec.sent(bytes); }
  // To and fro until neither has anything to say.
  void talk(H2Peer& peer);

  // A handler's side; flush() or talk() to follow.
  Heard& heard(std::size_t index) { return *all.at(index); }
  void send_head(std::size_t index, int status, http::BodyLength length = kUnknown);
  void send_head(std::size_t index, http::Response head);
  void send_body(std::size_t index, std::string_view bytes);
  void send_trailers(std::size_t index, const H2List& fields);
  void send_end(std::size_t index) { heard(index).stream.send(http::End{}); }
  void answer(std::size_t index, int status, std::string_view body);
  void grant(std::size_t index, std::size_t bytes);
  void reset(std::size_t index, const base::Error& error) { heard(index).stream.reset(error); }

  std::string take_wire() { return std::exchange(wire, {}); }
  // All transcripts, one after the other, and what was refused.
  std::string told();

 private:
  Scratch scratch_;
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override { ++changes; }
  void reply(http::Stream& stream, int status, std::string_view body);
  std::string_view lend(std::string_view bytes);

 public:
  H2Server codec;
  std::vector<std::unique_ptr<Heard>> all;
  Transcript refusals;
  std::string wire;
  std::size_t room = 1 << 30;
  std::size_t takes = SIZE_MAX;  // how much the kernel takes at a flush
  std::uint64_t changes = 0;
  bool grants = true;
  base::Time now{};
  std::size_t most_framed = 0;  // at a flush

 private:
  friend class Heard;
  Answers answers_;
  std::deque<std::string> lent_;
  std::string refusal_;
  int refused_ = 0;
};

}  // namespace weir::codec

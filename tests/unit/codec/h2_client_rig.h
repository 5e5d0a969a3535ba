// An H2Client with the world around it played by hand, as h2_server_rig.h does it for an H2Server.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec/h2_client.h"
#include "tests/unit/codec/h2_frames.h"
#include "tests/unit/codec/h2_peer.h"
#include "tests/unit/codec/transcript.h"

namespace weir::codec {

class H2ClientRig final : private ClientCodecOwner {
 public:
  // An exchange.
  class Asked final : public http::StreamHandler {
   public:
    explicit Asked(H2ClientRig& rig) : rig_(rig) {}

    http::Stream* stream = nullptr;
    Transcript log;
    std::uint64_t sent = 0;
    std::uint64_t owed = 0;
    base::Error error;

   private:
    void on_event(http::Event&& event) override;
    void on_sent(std::size_t bytes) override { sent += bytes; }
    void on_send_failed(const base::Error& why) override;
    void on_receive_failed(const base::Error& why) override;
    void on_reset(const base::Error& why) override;
    H2ClientRig& rig_;
  };

  explicit H2ClientRig(HeadLimits limits = {});

  // Opens a stream and asks: all of it, or its head alone. flush() or talk() to follow.
  std::size_t ask(std::string_view method = "GET", std::string_view target = "/");
  std::size_t ask_head(http::Request head);
  std::size_t ask_post(http::BodyLength length = kUnknown);
  std::size_t ask_upgrade(std::string_view protocol, const H2List& fields = {});

  void read(std::string_view bytes);
  void read_in_pieces(std::string_view bytes, std::size_t piece);
  void read_end() { codec.receive_end(), flush(); }
  void read_error() { codec.receive_error(), flush(); }
  void flush();
  void talk(H2Peer& peer);
  void kernel_takes(std::size_t bytes) { codec.sent(bytes); }

  Asked& asked(std::size_t index) { return *all.at(index); }
  void send_body(std::size_t index, std::string_view bytes);
  void send_trailers(std::size_t index, const H2List& fields);
  void send_end(std::size_t index) { asked(index).stream->send(http::End{}); }
  void grant(std::size_t index, std::size_t bytes);
  void reset(std::size_t index);

  std::string take_wire() { return std::exchange(wire, {}); }
  std::string told();

 private:
  Scratch scratch_;
  void on_codec_changed() override { ++changes; }
  void on_idle() override;

 public:
  H2Client codec;
  std::vector<std::unique_ptr<Asked>> all;
  std::string wire;
  std::size_t room = 1 << 30;
  std::size_t takes = SIZE_MAX;
  int idles = 0;                    // on_idle calls
  bool reusable_when_idle = false;  // what reusable() said at the latest of them
  std::uint64_t changes = 0;
  std::function<void()> when_idle;  // inside on_idle
  bool grants = true;

 private:
  std::deque<std::string> lent_;
};

}  // namespace weir::codec

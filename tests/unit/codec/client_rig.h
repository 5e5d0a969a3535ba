// An H1Client with the world around it played by hand, as server_rig.h does it for an H1Server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/codec/h1_client.h"
#include "tests/unit/codec/transcript.h"

namespace weir::codec {

class ClientRig final : private ClientCodecOwner, private http::StreamHandler {
 public:
  explicit ClientRig(HeadLimits limits = {}) : codec(*this, scratch_) { scratch_.limits = limits; }

  // Opens a stream and sends a request: whole, or its head alone.
  void ask(std::string_view method, std::string_view target);
  void ask_head(http::Request head);
  void ask_upgrade(std::string_view protocol);

  void read(std::string_view bytes);
  void read_in_pieces(std::string_view bytes, std::size_t piece);
  void read_end() { codec.receive_end(), flush(); }
  void read_error() { codec.receive_error(), flush(); }
  void write_error() { codec.send_failed(), flush(); }
  void kernel_takes(std::size_t bytes) { codec.sent(bytes); }

  void send(http::Event&& event);
  void send_body(std::string_view bytes) { send(http::Body{bytes}); }
  void send_end() { send(http::End{}); }
  void grant(std::size_t bytes) { codec.grant(bytes); }
  void reset();

  std::string take_wire() { return std::exchange(wire, {}); }

 private:
  Scratch scratch_;

 public:
  H1Client codec;
  Transcript log;
  std::string wire;
  std::size_t takes = SIZE_MAX;
  std::uint64_t on_sent_bytes = 0;
  int idles = 0;                    // on_idle calls
  bool reusable_when_idle = false;  // what reusable() said at the latest of them
  base::Error error;                // of the latest reset or failure
  bool grants = true;

 private:
  void on_codec_changed() override {}
  void on_idle() override;
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override { on_sent_bytes += bytes; }
  void on_send_failed(const base::Error& why) override;
  void on_receive_failed(const base::Error& why) override;
  void on_reset(const base::Error& why) override;
  void flush();
};

}  // namespace weir::codec

// The other end of an HTTP/2 connection, by nghttp2: a client that asks, or a server that is asked, and what
// it was told of each stream.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/codec/h2_frames.h"

namespace weir::codec {

class H2Peer {
 public:
  enum class Side : std::uint8_t { client, server };
  enum class Windows : std::uint8_t {
    by_themselves,
    by_hand
  };  // whether what is received is granted at once

  struct Received {
    std::vector<std::string> heads;  // "200 a=b|c=d", those of requests likewise: ":method=GET|..."
    std::string body;
    std::string trailers;
    bool ended = false;
    bool closed = false;
    std::uint32_t code = 0;  // once closed
    bool was_reset = false;  // by the other side
  };

  explicit H2Peer(Side side, Windows windows = Windows::by_themselves);
  ~H2Peer();
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  void settings(const std::vector<nghttp2_settings_entry>& entries);
  enum class Ends : std::uint8_t { here, later };
  std::int32_t ask(const H2List& fields, Ends ends = Ends::here);
  void answer(std::int32_t stream, const H2List& fields, Ends ends = Ends::later);
  void interim(std::int32_t stream, const H2List& fields);
  void say(std::int32_t stream, std::string_view bytes);
  void say_trailers(std::int32_t stream, const H2List& fields);
  void say_end(std::int32_t stream);
  void reset(std::int32_t stream, std::uint32_t code);
  void prioritise(std::int32_t stream, std::string_view field);
  void ping();
  void go_away(std::int32_t last, std::uint32_t code);
  void consume(std::int32_t stream, std::size_t bytes);

  std::string take_out();
  void take_in(std::string_view bytes);

  nghttp2_session* session() { return session_; }
  Received& of(std::int32_t stream) { return received[stream]; }

  std::map<std::int32_t, Received> received;
  std::vector<std::string> goaways;  // "LAST CODE"
  int pings_answered = 0;
  int error = 0;  // of nghttp2: what was received is no HTTP/2

 private:
  struct Sending {
    std::string bytes;
    H2List trailers;
    bool ended = false;
  };
  friend struct H2PeerCallbacks;

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Sending> sending_;
  bool introduced_ = false;
};

}  // namespace weir::codec

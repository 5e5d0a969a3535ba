// What a connection drives: bytes in, bytes out, streams above. Codecs open no socket, read no clock and
// start no timer; whoever owns one feeds it what was read and writes what it gathers. HTTP/1.1 is the first
// of them. Loop thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/base/error.h"
#include "proxy/http/stream.h"

namespace weir::codec {

// What is to become of the connection once the gathered output is written.
enum class Next : std::uint8_t {
  keep,
  shutdown_write,  // FIN, and go on reading (a tunnel's half-close)
  linger,  // FIN, then read and drop for a while, then close (RFC 9112 9.6); to a node: once all is sent
  close,   // now
  reset,   // now, by RST: a cut that could not be seen otherwise
};

// Body bytes received and not yet granted back: reading stops at the bound and resumes at half of it.
inline constexpr std::size_t kOwedBound = 64 * 1024;

class CodecOwner {
 public:
  // Output, Next or wants_read may have changed; flush at the end of the turn.
  virtual void on_codec_changed() = 0;

 protected:
  ~CodecOwner() = default;
};

class ServerCodecOwner : public CodecOwner {
 public:
  // A request begins; who is returned hears of all its events, the head first.
  virtual http::StreamHandler& on_stream(http::Stream& stream) = 0;
  // A head that cannot be served; answer through `stream` with error.status, then End. Nothing more is read.
  virtual void on_refused(http::Stream& stream, const base::Error& error) = 0;

 protected:
  ~ServerCodecOwner() = default;
};

class ClientCodecOwner : public CodecOwner {
 public:
  // The exchange on this connection is over; reusable() tells whether another may follow.
  virtual void on_idle() = 0;

 protected:
  ~ClientCodecOwner() = default;
};

}  // namespace weir::codec

// What a connection drives: bytes in, bytes out, streams above. Codecs open no socket, read no clock and
// start no timer; whoever owns one feeds it what was read and writes what it gathers. HTTP/1.1 is the first
// of them. Loop thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
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

class OutQueue;

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

// A connection's side towards a client, whichever version of HTTP it speaks.
class ServerCodec {
 public:
  virtual ~ServerCodec() = default;

  // Bytes in. What is given must stay valid until the flush of this turn; `now` is the turn's.
  virtual void receive(std::string_view bytes, base::Time now) = 0;
  virtual void receive_end() = 0;
  virtual void receive_error() = 0;
  virtual void send_failed() = 0;
  virtual void abandon(const base::Error& error) = 0;  // ends all streams; whoever owns this then closes
  // Goes on with bytes that were held back; see has_held().
  virtual void resume() = 0;
  virtual bool has_held() const = 0;  // resume() would find something to do

  // Bytes out, in each flush: what there is is gathered, as far as about `room` bytes go; then the queue's
  // output is written, and sent() says how much of it has left, then and later.
  virtual void produce(std::size_t room) = 0;
  virtual bool wants_room() const = 0;  // produce() would gather more, had it room
  virtual OutQueue& queue() = 0;
  virtual void sent(std::size_t wire_bytes) = 0;

  virtual Next next() const = 0;
  virtual void shutdown_done() = 0;
  virtual bool wants_read() = 0;
  virtual bool in_head() const = 0;    // part of one has arrived
  virtual bool in_stream() const = 0;  // an exchange is under way, at least one, or its answer on its way
  virtual bool has_orphans()
      const = 0;                       // an answer whose exchange is over, and that the client has not taken
  virtual bool in_tunnel() const = 0;  // and has become a tunnel
  // Of bodies: those that wait to be framed, and what is held by those above.
  virtual std::size_t held_bytes() const = 0;
  // The client itself asked for the connection's end, with a request that is whole and has been answered.
  virtual bool client_is_done() const = 0;
  // No more requests than those that are on their way; the client is told.
  virtual void drain() = 0;
  // Likewise, and those that are on their way are too late.
  virtual void finish_drain() = 0;
  // The head that began to arrive cannot become one, or took too long; answers as on_refused does.
  virtual void refuse_head(const base::Error& error) = 0;
};

class ClientCodecOwner : public CodecOwner {
 public:
  // No exchange is on this connection any more; reusable() tells whether another may follow.
  virtual void on_idle() = 0;

 protected:
  ~ClientCodecOwner() = default;
};

// A connection's side towards a node, whichever version of HTTP it speaks.
class ClientCodec {
 public:
  virtual ~ClientCodec() = default;

  // Only while more_streams() allows it. The request head is to be sent next.
  virtual http::Stream& open(http::StreamHandler& handler) = 0;
  virtual std::size_t more_streams() const = 0;  // that may be opened now

  // Bytes in. What is given must stay valid until the flush of this turn.
  virtual void receive(std::string_view bytes) = 0;
  virtual void receive_end() = 0;
  virtual void receive_error() = 0;
  virtual void send_failed() = 0;
  virtual void fail(const base::Error& error) = 0;  // ends all streams; whoever owns this then closes

  // Bytes out, as ServerCodec has it.
  virtual void produce(std::size_t room) = 0;
  virtual bool wants_room() const = 0;
  virtual OutQueue& queue() = 0;
  virtual void sent(std::size_t wire_bytes) = 0;

  virtual Next next() const = 0;
  virtual void shutdown_done() = 0;
  virtual bool wants_read() const = 0;
  virtual bool idle() const = 0;        // no exchange is under way
  virtual bool reusable() const = 0;    // another may begin, now or once there is room for it
  virtual bool unanswered() const = 0;  // there are requests, and nothing of any answer
};

}  // namespace weir::codec

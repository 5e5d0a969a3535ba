// One request/response pair on one connection, seen from above the codec: the waist of Weir. The exchange
// holds a Stream on either side and never learns which protocol it speaks. Loop thread only. A Stream belongs
// to its codec and may be used until reset() returns, on_reset is called, or both directions have ended.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/error.h"
#include "proxy/http/event.h"

namespace weir::http {

class Stream {
 public:
  // Never refuses, never blocks; failure comes back as on_reset or on_send_failed.
  virtual void send(Event&& event) = 0;
  // These received body bytes are no longer owed: the peer may send as many more.
  virtual void grant(std::size_t bytes) = 0;
  // Ends the stream now. Idempotent; no callback after it returns.
  virtual void reset(const base::Error& error) = 0;
  // Where among all bytes of its connection the last one lies that has reached the peer, while `in_flight` of
  // them are on their way; over HTTP/2 the last of a body, of any stream. It grows as long as bodies arrive.
  virtual std::uint64_t delivered(std::size_t in_flight) const = 0;
  // The peer lets no more of this stream come, and has all that was sent of it. Otherwise what waits here
  // waits for others of its connection, or with them.
  virtual bool withheld(std::size_t in_flight) const = 0;

 protected:
  ~Stream() = default;
};

class StreamHandler {
 public:
  virtual void on_event(Event&& event) = 0;
  // Payload bytes (no framing) of sent bodies that have left Weir's memory.
  virtual void on_sent(std::size_t bytes) = 0;
  // The peer takes no more of what is sent; what it sends goes on arriving (an early answer may be under
  // way).
  virtual void on_send_failed(const base::Error& error) = 0;
  // What the peer sends is cut here (bad framing, silence); it may still be answered.
  virtual void on_receive_failed(const base::Error& error) = 0;
  // The stream is over, in both directions, and may not be used again.
  virtual void on_reset(const base::Error& error) = 0;
  // Of bodies, that it keeps, or has given on to who has not sent them yet.
  virtual std::size_t held_bytes() const { return 0; }

 protected:
  ~StreamHandler() = default;
};

}  // namespace weir::http

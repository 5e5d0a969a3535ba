// Bytes in and out of one connection. Production has it over epoll, tests over a simulated network; TLS will
// be a filter between a codec and this. Loop thread only.
//
// Destroying the owning pointer closes the connection; that is safe at any moment, inside a callback too, and
// no callback follows.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/io/address.h"

namespace weir::io {

class TransportHandler {
 public:
  // connect() only: the connection stands; or it does not, and the transport is of no more use. The reason is
  // overloaded where the process lacks a descriptor or memory, and connect_refused otherwise; a fault of our
  // own with connect_refused: this machine has no address or port from which the node could be reached.
  virtual void on_connected() {}
  virtual void on_connect_failed(const base::Error&) {}
  // The bytes stay valid until the flush that ends the present turn.
  virtual void on_read(std::string_view bytes) = 0;
  // Nothing more will be read: the peer sent FIN.
  virtual void on_read_end() = 0;
  // Nothing more will be read: the connection broke (RST or another error). Bytes received before it have
  // been delivered.
  virtual void on_read_error(const base::Error& error) = 0;
  // So many bytes that an earlier write() left pending have been taken by the kernel.
  virtual void on_sent(std::size_t bytes) = 0;
  // The peer takes no more; pending bytes are dropped. Reading goes on: an answer may lie in the receive
  // queue. Called at most once, never from within write(). Of a RST behind the peer's FIN it tells at once;
  // any other one is news to who reads or writes.
  virtual void on_write_error(const base::Error& error) = 0;

 protected:
  ~TransportHandler() = default;
};

class Transport {
 public:
  // From now on `handler` hears of this connection, and reading begins (unless paused).
  virtual void set_handler(TransportHandler& handler) = 0;
  // Sends the pieces in order. Returns how many bytes the kernel took at once; the rest is copied and
  // pending, and on_sent tells when it goes. After a write error bytes are dropped and 0 is returned.
  virtual std::size_t write(std::span<const std::string_view> pieces) = 0;
  virtual std::size_t pending() const = 0;
  // Whether nothing has arrived that the handler has not heard yet: neither bytes nor an end. Asks the
  // kernel.
  virtual bool quiet() = 0;
  virtual void pause() = 0;  // stop reading; idempotent
  virtual void resume() = 0;
  virtual void shutdown_write() = 0;   // FIN, after what is pending
  virtual void reset() = 0;            // RST, at once; pending bytes are dropped; no callback after it
  virtual const Ip& peer() const = 0;  // family none on unix sockets
  virtual std::uint16_t peer_port() const = 0;
  // What both sides agreed to speak over it, as ALPN has it; "": nothing was said of that.
  virtual std::string_view protocol() const { return {}; }
  // Little of what is written waits in the kernel from now on, so that what is written next may still go
  // before other things.
  virtual void keep_little_unsent() {}
  // Bytes that were written and the peer's end has not acknowledged; 0 where nobody can tell.
  virtual std::size_t unacknowledged() const { return 0; }
  // This side's end of it; family none on unix sockets, and where nobody knows. Asks the kernel.
  virtual IpPort local() const { return {}; }

  virtual void release() = 0;  // close and free; called by TransportPtr

 protected:
  ~Transport() = default;
};

struct ReleaseTransport {
  void operator()(Transport* transport) const { transport->release(); }
};
using TransportPtr = std::unique_ptr<Transport, ReleaseTransport>;

}  // namespace weir::io

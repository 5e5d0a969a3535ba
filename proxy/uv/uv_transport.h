// io::Transport over one stream socket, TCP or unix. It lives on the heap, belongs to its TransportPtr, and
// frees itself once libuv has let go of it. An idle connection is this object and nothing else: what the
// kernel did not take of a write is held in a queue that exists only while it is needed, and bytes are read
// into the runtime's one buffer. Reading and writing cost one system call each, and no change of what epoll
// watches.
#pragma once

#include <uv.h>

#include <memory>

#include "proxy/io/runtime.h"
#include "proxy/io/transport.h"

namespace weir::uv {

class UvRuntime;

class UvTransport final : public io::Transport, private io::Deferred {
 public:
  // Takes a connected, non-blocking socket over. Null, and the socket closed, if the loop cannot watch it.
  static io::TransportPtr adopt(UvRuntime& runtime, int fd, const io::Ip& peer, std::uint16_t peer_port);
  static io::TransportPtr connect(UvRuntime& runtime, const io::Address& address,
                                  io::TransportHandler& handler);

  void set_handler(io::TransportHandler& handler) override;
  std::size_t write(std::span<const std::string_view> pieces) override;
  std::size_t pending() const override;
  void pause() override;
  void resume() override;
  void shutdown_write() override;
  void reset() override;
  const io::Ip& peer() const override { return peer_; }
  std::uint16_t peer_port() const override { return peer_port_; }
  void release() override;

 private:
  friend class UvRuntime;
  struct Queue;
  enum class Phase : std::uint8_t { connecting, open, failed, closing, closed };
  enum class Reading : std::uint8_t { off, on, ended };
  enum class Writing : std::uint8_t { open, ending, ended, failed };

  explicit UvTransport(UvRuntime& runtime);
  ~UvTransport();

  int connect_ip(const io::Address& address);
  int connect_unix(const std::string& path);
  void finish_connect(int status);
  void start_reading();
  void finish_reading(int status);
  std::size_t send_now(std::span<const std::string_view> pieces);
  void enqueue(std::span<const std::string_view> pieces, std::size_t skip);
  void send_slice();
  void finish_slice(int status);
  void finish_writing();
  void fail_writing(int status);
  void note_reset(int write_status);
  void run_deferred() override;
  void close();

  UvRuntime& runtime() const { return *static_cast<UvRuntime*>(tcp_.loop->data); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&tcp_); }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  static UvTransport& of(void* data) { return *static_cast<UvTransport*>(data); }

  // A unix socket too: past its birth libuv treats every stream socket the same.
  uv_tcp_t tcp_;
  io::TransportHandler* handler_ = nullptr;
  std::unique_ptr<Queue> queue_;
  int fd_ = -1;
  int error_ = 0;  // of a connect or a write, until the handler has been told
  std::uint16_t peer_port_ = 0;
  io::Ip peer_;
  Phase phase_ = Phase::connecting;
  Reading reading_ = Reading::off;
  Writing writing_ = Writing::open;
  bool paused_ : 1 = false;
  bool broken_ : 1 = false;    // a write met the connection's end by RST, and took the news from the reader
  bool released_ : 1 = false;  // by its owner
};

}  // namespace weir::uv

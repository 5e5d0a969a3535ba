// io::Transport over one stream socket, TCP or unix. It belongs to its TransportPtr and ends in the
// graveyard. An idle connection is this object and nothing else: what the kernel did not take of a write is
// held in a queue that exists only while it is needed, and bytes are read into the runtime's one buffer.
// Reading and writing cost one system call each. What epoll watches changes at most once in a connection's
// life.
//
//   connecting -> open -> closed      connecting -> failed -> closed
#pragma once

#include <memory>

#include "proxy/epoll/watch.h"
#include "proxy/io/runtime.h"
#include "proxy/io/transport.h"

namespace weir::epoll {

class EpollRuntime;

class EpollTransport final : public io::Transport, private Watch, private io::Deferred {
 public:
  // Takes a connected, non-blocking socket over. Null, and the socket closed, if the loop cannot watch it.
  static io::TransportPtr adopt(EpollRuntime& runtime, int fd, const io::Ip& peer, std::uint16_t peer_port);
  static io::TransportPtr connect(EpollRuntime& runtime, const io::Address& address,
                                  io::TransportHandler& handler);
  ~EpollTransport();

  void set_handler(io::TransportHandler& handler) override;
  std::size_t write(std::span<const std::string_view> pieces) override;
  std::size_t pending() const override;
  bool quiet() override;
  void pause() override { paused_ = true; }
  void resume() override;
  void shutdown_write() override;
  void reset() override;
  const io::Ip& peer() const override { return peer_; }
  std::uint16_t peer_port() const override { return peer_port_; }
  void keep_little_unsent() override;
  std::size_t unacknowledged() const override;
  io::IpPort local() const override;
  void release() override;

 private:
  static constexpr int kLittle = 32 * 1024;  // bytes
  enum class Phase : std::uint8_t { connecting, open, failed, closed };
  enum class Writing : std::uint8_t { open, ending, ended, failed };

  // Bytes that wait for the kernel.
  struct Queue {
    std::string bytes;
    std::size_t sent = 0;

    std::size_t size() const { return bytes.size() - sent; }
    void append(std::string_view more);
  };

  explicit EpollTransport(EpollRuntime& runtime);

  int start_connect(const io::Address& address);
  void finish_connect(int error);
  void on_ready(std::uint32_t events) override;
  void go_on() override;
  void run_deferred() override;
  bool may_read() const;
  void read();
  void finish_reading(int error);
  void note_reset_behind_end();
  void send_queue();
  std::size_t send_now(std::span<const std::string_view> pieces);
  void enqueue(std::span<const std::string_view> pieces, std::size_t skip);
  void await_room();
  void finish_writing();
  void fail_writing(int error);
  void close();

  EpollRuntime& runtime_;
  io::TransportHandler* handler_ = nullptr;
  std::unique_ptr<Queue> queue_;
  int fd_ = -1;
  int error_ = 0;  // of a connect or a write, until the handler has been told
  io::Ip peer_;
  std::uint16_t peer_port_ = 0;
  Phase phase_ = Phase::connecting;
  Writing writing_ = Writing::open;
  bool paused_ : 1 = false;
  bool readable_ : 1 = false;      // there may be something to read that no edge will tell of again
  bool end_is_near_ : 1 = false;   // the end of what can be read has come, perhaps behind bytes
  bool read_ended_ : 1 = false;    // and the handler knows
  bool ended_well_ : 1 = false;    // by FIN
  bool watches_room_ : 1 = false;  // for writing
  bool broken_ : 1 = false;  // a write met the connection's end by RST, and took the news from the reader
};

}  // namespace weir::epoll

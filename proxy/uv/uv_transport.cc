#include "proxy/uv/uv_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/uv/descriptors.h"
#include "proxy/uv/socket_address.h"
#include "proxy/uv/uv_runtime.h"

namespace weir::uv {

namespace {

constexpr std::size_t kSlice = 65536;      // on_sent tells of the queue's way out in steps of this
constexpr std::size_t kMostPieces = 1024;  // of one sendmsg (IOV_MAX)

base::Error broken(int status) {
  return {.reason = base::Reason::internal, .detail = uv_strerror(status)};
}

bool is_our_shortage(int status) {
  return status == UV_EMFILE || status == UV_ENFILE || status == UV_ENOBUFS || status == UV_ENOMEM ||
         status == UV_EADDRNOTAVAIL;
}

base::Error refused(int status) {
  if (is_our_shortage(status))
    return {.reason = base::Reason::overloaded,
            .fault = base::Fault::ourselves,
            .retry = base::Retry::not_processed,
            .detail = uv_strerror(status)};
  return {.reason = base::Reason::connect_refused,
          .fault = base::Fault::upstream,
          .retry = base::Retry::not_processed,
          .detail = uv_strerror(status)};
}

}  // namespace

// Bytes that wait for the kernel. libuv holds a pointer into `sending`, so what comes later is gathered
// beside it.
struct UvTransport::Queue {
  uv_write_t request;
  std::string sending;
  std::size_t sent = 0;   // of `sending`
  std::size_t slice = 0;  // of `sending`, being written
  std::string waiting;

  std::size_t size() const { return sending.size() - sent + waiting.size(); }
};

UvTransport::UvTransport(UvRuntime& runtime) {
  WEIR_CHECK(uv_tcp_init(runtime.loop(), &tcp_) == 0);
  tcp_.data = this;
  descriptors::opened();
}

UvTransport::~UvTransport() = default;

io::TransportPtr UvTransport::adopt(UvRuntime& runtime, int fd, const io::Ip& peer, std::uint16_t peer_port) {
  auto* transport = new UvTransport(runtime);
  io::TransportPtr owned(transport);
  if (uv_tcp_open(&transport->tcp_, fd) != 0) {
    ::close(fd);
    return nullptr;
  }
  transport->fd_ = fd;
  transport->peer_ = peer;
  transport->peer_port_ = peer_port;
  transport->phase_ = Phase::open;
  return owned;
}

io::TransportPtr UvTransport::connect(UvRuntime& runtime, const io::Address& address,
                                      io::TransportHandler& handler) {
  auto* transport = new UvTransport(runtime);
  io::TransportPtr owned(transport);
  transport->handler_ = &handler;
  if (address.kind == io::Address::Kind::unix_path) {
    transport->error_ = transport->connect_unix(address.text_);
    runtime.defer(*transport);  // the outcome is known, but must not come at once
  } else {
    transport->error_ = transport->connect_ip(address);
    if (transport->error_ != 0) runtime.defer(*transport);
  }
  return owned;
}

int UvTransport::connect_ip(const io::Address& address) {
  peer_ = address.ip;
  peer_port_ = address.port;
  const SocketAddress to = to_socket_address(address.ip, address.port);
  if (to.size == 0) return UV_EINVAL;
  uv_tcp_nodelay(&tcp_, 1);
  auto* request = new uv_connect_t;
  const int status = uv_tcp_connect(request, &tcp_, to.get(), [](uv_connect_t* done, int outcome) {
    UvTransport& transport = of(done->handle->data);
    delete done;
    if (transport.phase_ != Phase::connecting) return;
    transport.finish_connect(outcome);
    transport.runtime().end_callback();
  });
  if (status != 0) {
    delete request;
    return status;
  }
  uv_fileno(handle(), &fd_);
  return 0;
}

int UvTransport::connect_unix(const std::string& path) {
  if (path.size() > kLongestUnixPath) return UV_ENAMETOOLONG;
  const SocketAddress to = to_socket_address(path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int status = ::connect(fd, to.get(), to.size) == 0 ? 0 : -errno;
  if (status == 0) status = uv_tcp_open(&tcp_, fd);
  if (status == 0) {
    fd_ = fd;
  } else {
    ::close(fd);
  }
  return status;
}

void UvTransport::finish_connect(int status) {
  if (status != 0) {
    phase_ = Phase::failed;
    queue_.reset();
    handler_->on_connect_failed(refused(status));
    return;
  }
  phase_ = Phase::open;
  if (queue_) {
    send_slice();
  } else if (writing_ == Writing::ending) {
    finish_writing();
  }
  handler_->on_connected();
  start_reading();
}

void UvTransport::set_handler(io::TransportHandler& handler) {
  if (phase_ >= Phase::closing) return;
  handler_ = &handler;
  start_reading();
}

// Lazy: epoll goes on watching, and is told to stop only if bytes come meanwhile.
void UvTransport::pause() {
  paused_ = true;
}

void UvTransport::resume() {
  paused_ = false;
  start_reading();
}

void UvTransport::start_reading() {
  if (phase_ != Phase::open || reading_ != Reading::off || paused_ || handler_ == nullptr) return;
  const auto on_room = [](uv_handle_t* handle, std::size_t, uv_buf_t* room) {
    UvTransport& transport = of(handle->data);
    *room = transport.paused_ ? uv_buf_init(nullptr, 0)
                              : uv_buf_init(transport.runtime().read_buffer(), UvRuntime::kReadBuffer);
  };
  const auto on_bytes = [](uv_stream_t* stream, ssize_t n, const uv_buf_t* bytes) {
    UvTransport& transport = of(stream->data);
    if (n > 0) {
      transport.handler_->on_read({bytes->base, static_cast<std::size_t>(n)});
      transport.runtime().end_callback();
    } else if (n < 0) {
      // Without a buffer: libuv read nothing, but concludes EOF from EPOLLHUP, which an RST brings as well.
      // Or we are paused, and gave no room. Only the kernel's own answer to a read counts, so ask anew (from
      // a task, because some versions of libuv stop reading after this callback).
      const bool said_by_kernel = bytes->base != nullptr;
      transport.reading_ = Reading::off;
      uv_read_stop(stream);
      if (said_by_kernel) {
        transport.finish_reading(static_cast<int>(n));
      } else if (!transport.paused_) {
        transport.runtime().defer(transport);
      }
    }
  };
  reading_ = Reading::on;
  WEIR_CHECK(uv_read_start(stream(), on_room, on_bytes) == 0);
}

void UvTransport::finish_reading(int status) {
  reading_ = Reading::ended;
  if (status == UV_EOF && broken_) status = UV_ECONNRESET;
  if (status == UV_EOF) {
    handler_->on_read_end();
  } else {
    handler_->on_read_error(broken(status));
  }
  runtime().end_callback();
}

std::size_t UvTransport::write(std::span<const std::string_view> pieces) {
  if (writing_ != Writing::open || phase_ > Phase::open) return 0;
  std::size_t sent = 0;
  if (phase_ == Phase::open && !queue_) {
    sent = send_now(pieces);
    if (writing_ == Writing::failed) return 0;
  }
  enqueue(pieces, sent);
  return sent;
}

std::size_t UvTransport::send_now(std::span<const std::string_view> pieces) {
  std::size_t sent = 0;
  while (!pieces.empty()) {
    std::array<iovec, kMostPieces> vector;  // filled only as far as it is used
    const std::size_t count = std::min(pieces.size(), kMostPieces);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) {
      vector[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
      offered += pieces[i].size();
    }
    pieces = pieces.subspan(count);
    if (offered == 0) continue;
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = count;
    ssize_t n = 0;
    do {
      n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
      if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) fail_writing(-errno);
      break;
    }
    sent += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < offered) break;
  }
  return sent;
}

void UvTransport::enqueue(std::span<const std::string_view> pieces, std::size_t skip) {
  std::size_t left = 0;
  for (const std::string_view piece : pieces) left += piece.size();
  left -= skip;
  if (left == 0) return;
  const bool idle = !queue_;
  if (idle) queue_ = std::make_unique<Queue>();
  std::string& to = queue_->waiting;
  if (to.empty()) to.reserve(left);
  for (std::string_view piece : pieces) {
    const std::size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    to.append(piece.substr(skipped));
  }
  if (idle && phase_ == Phase::open) send_slice();
}

std::size_t UvTransport::pending() const {
  return queue_ && phase_ <= Phase::open ? queue_->size() : 0;
}

void UvTransport::send_slice() {
  Queue& queue = *queue_;
  if (queue.sent == queue.sending.size()) {
    queue.sending.clear();
    queue.sent = 0;
    queue.sending.swap(queue.waiting);
  }
  queue.slice = std::min(kSlice, queue.sending.size() - queue.sent);
  const uv_buf_t bytes = uv_buf_init(queue.sending.data() + queue.sent, static_cast<unsigned>(queue.slice));
  const auto on_written = [](uv_write_t* request, int status) {
    UvTransport& transport = of(request->handle->data);
    if (transport.phase_ == Phase::open) transport.finish_slice(status);
  };
  WEIR_CHECK(uv_write(&queue.request, stream(), &bytes, 1, on_written) == 0);
  // uv_write has tried already. If it met an RST, a read may come before its callback does, and find EOF.
  note_reset(queue.request.error);
}

void UvTransport::finish_slice(int status) {
  if (status != 0) {
    queue_.reset();
    fail_writing(status);
    return;
  }
  const std::size_t sent = std::exchange(queue_->slice, 0);
  queue_->sent += sent;
  if (queue_->size() > 0) {
    send_slice();
  } else {
    queue_.reset();
    if (writing_ == Writing::ending) finish_writing();
  }
  if (handler_ != nullptr) handler_->on_sent(sent);
  runtime().end_callback();
}

void UvTransport::shutdown_write() {
  if (writing_ != Writing::open || phase_ > Phase::open) return;
  writing_ = Writing::ending;
  if (phase_ == Phase::open && !queue_) finish_writing();
}

void UvTransport::finish_writing() {
  writing_ = Writing::ended;
  ::shutdown(fd_, SHUT_WR);
}

// The handler is told by a task of this turn, never from within write().
void UvTransport::fail_writing(int status) {
  writing_ = Writing::failed;
  error_ = status;
  note_reset(status);
  runtime().defer(*this);
}

// The kernel tells of an RST once: to a write or to a read, and what the other gets looks like a plain end.
// EPIPE means that the peer's FIN had come before.
void UvTransport::note_reset(int write_status) {
  if (write_status != 0 && write_status != UV_EPIPE) broken_ = true;
}

void UvTransport::run_deferred() {
  const int error = std::exchange(error_, 0);
  if (phase_ == Phase::connecting) return finish_connect(error);
  start_reading();
  if (error != 0 && handler_ != nullptr) handler_->on_write_error(broken(error));
}

void UvTransport::reset() {
  if (phase_ >= Phase::closing) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void UvTransport::release() {
  released_ = true;
  if (phase_ == Phase::closed) {
    delete this;
  } else if (phase_ != Phase::closing) {
    close();
  }
}

void UvTransport::close() {
  phase_ = Phase::closing;
  handler_ = nullptr;
  Deferred::unlink();
  uv_close(handle(), [](uv_handle_t* handle) {
    UvTransport& transport = of(handle->data);
    transport.phase_ = Phase::closed;
    if (transport.released_) delete &transport;
  });
  descriptors::closed();
  runtime().descriptor_freed();
}

}  // namespace weir::uv

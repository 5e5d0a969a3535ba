#include "proxy/epoll/epoll_transport.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/epoll/descriptors.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/socket_address.h"
#include "proxy/epoll/system_error.h"

namespace weir::epoll {

namespace {

constexpr std::size_t kMostPieces = 1024;  // of one sendmsg (IOV_MAX)
constexpr int kMostReads = 4;              // of full buffers, before others get their turn
constexpr std::uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP;

base::Error broken(int error) {
  return {.reason = base::Reason::internal, .detail = in_words(error)};
}

bool is_our_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == ENOSPC;
}

base::Error refused(int error) {
  const bool ours = is_our_shortage(error);
  return {.reason = ours ? base::Reason::overloaded : base::Reason::connect_refused,
          .fault = ours || error == EADDRNOTAVAIL ? base::Fault::ourselves : base::Fault::upstream,
          .retry = base::Retry::not_processed,
          .detail = in_words(error)};
}

bool would_block(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

void EpollTransport::Queue::append(std::string_view more) {
  if (sent > bytes.size() / 2) {
    bytes.erase(0, sent);
    sent = 0;
  }
  bytes.append(more);
}

EpollTransport::EpollTransport(EpollRuntime& runtime) : runtime_(runtime) {
  descriptors::opened();
}

EpollTransport::~EpollTransport() = default;

io::TransportPtr EpollTransport::adopt(EpollRuntime& runtime, int fd, const io::Ip& peer,
                                       std::uint16_t peer_port) {
  auto* transport = new EpollTransport(runtime);
  io::TransportPtr owned(transport);
  transport->fd_ = fd;
  transport->peer_ = peer;
  transport->peer_port_ = peer_port;
  transport->phase_ = Phase::open;
  if (runtime.watch(fd, kReadEvents, *transport) != 0) return nullptr;
  return owned;
}

io::TransportPtr EpollTransport::connect(EpollRuntime& runtime, const io::Address& address,
                                         io::TransportHandler& handler) {
  auto* transport = new EpollTransport(runtime);
  io::TransportPtr owned(transport);
  transport->handler_ = &handler;
  transport->peer_ = address.ip;
  transport->peer_port_ = address.port;
  const bool may = runtime.last_descriptors() == EpollRuntime::Last::taken || descriptors::more_than_last();
  transport->error_ = may ? transport->start_connect(address) : EMFILE;
  if (transport->error_ != 0) runtime.defer(*transport);  // it is known, but must not be told at once
  return owned;
}

// Everything but an error at once comes as an event, a connection that stands at once too.
int EpollTransport::start_connect(const io::Address& address) {
  if (address.kind == io::Address::Kind::unix_path && address.text_.size() > io::kLongestUnixPath)
    return ENAMETOOLONG;
  const SocketAddress to = address.kind == io::Address::Kind::unix_path
                               ? to_socket_address(address.text_)
                               : to_socket_address(address.ip, address.port);
  if (to.size == 0) return EINVAL;
  fd_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  const int on = 1;
  if (to.storage.ss_family != AF_UNIX) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_, to.get(), to.size) != 0 && errno != EINPROGRESS) return errno;
  watches_room_ = true;
  return runtime_.watch(fd_, kReadEvents | EPOLLOUT, *this);
}

void EpollTransport::finish_connect(int error) {
  if (error != 0) {
    phase_ = Phase::failed;
    queue_.reset();
    handler_->on_connect_failed(refused(error));
    runtime_.end_callback();
    return;
  }
  phase_ = Phase::open;
  if (!queue_ && writing_ == Writing::ending) finish_writing();
  handler_->on_connected();
  runtime_.end_callback();
}

void EpollTransport::on_ready(std::uint32_t events) {
  const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (phase_ == Phase::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    if (ended) ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    finish_connect(error);
  }
  if (phase_ != Phase::open) return;
  if (ended) end_is_near_ = true;
  if (ended || (events & EPOLLIN) != 0) readable_ = true;
  if (may_read()) read();
  if (queue_ && phase_ == Phase::open && (ended || (events & EPOLLOUT) != 0)) send_queue();
  if ((events & EPOLLERR) != 0) note_reset_behind_end();
}

// Whoever has read all would hear of it from the next write alone, and may have nothing to write for long.
void EpollTransport::note_reset_behind_end() {
  if (ended_well_ && !queue_ && writing_ == Writing::open && phase_ == Phase::open) fail_writing(ECONNRESET);
}

void EpollTransport::set_handler(io::TransportHandler& handler) {
  if (phase_ == Phase::closed) return;
  handler_ = &handler;
  if (may_read()) runtime_.go_on_later(*this);
}

void EpollTransport::resume() {
  if (!paused_) return;
  paused_ = false;
  if (may_read()) runtime_.go_on_later(*this);
}

void EpollTransport::go_on() {
  if (may_read()) read();
  if (queue_ && phase_ == Phase::open) send_queue();
}

bool EpollTransport::may_read() const {
  return readable_ && !paused_ && !read_ended_ && handler_ != nullptr && phase_ == Phase::open;
}

// A buffer that was not filled means that the kernel has no more, and that more will be an edge; unless the
// end is there already, which had its edge. On unix sockets a read also stops where the peer passed a
// descriptor.
void EpollTransport::read() {
  for (int reads = 0; may_read(); ++reads) {
    if (reads == kMostReads || runtime_.holds_reads()) return runtime_.go_on_later(*this);
    const ssize_t n = ::recv(fd_, runtime_.read_buffer(), EpollRuntime::kReadBuffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      readable_ = false;
      return;
    }
    if (n <= 0) return finish_reading(n < 0 ? errno : 0);
    const bool all = static_cast<std::size_t>(n) < EpollRuntime::kReadBuffer && !end_is_near_ &&
                     peer_.family != io::Ip::Family::none;
    if (all) readable_ = false;
    handler_->on_read({runtime_.read_buffer(), static_cast<std::size_t>(n)});
    runtime_.end_callback();
  }
}

void EpollTransport::finish_reading(int error) {
  read_ended_ = true;
  if (error == 0 && broken_) error = ECONNRESET;
  ended_well_ = error == 0;
  if (error == 0) {
    handler_->on_read_end();
  } else {
    handler_->on_read_error(broken(error));
  }
  runtime_.end_callback();
}

std::size_t EpollTransport::write(std::span<const std::string_view> pieces) {
  if (writing_ != Writing::open || phase_ > Phase::open || error_ != 0) return 0;
  std::size_t sent = 0;
  if (phase_ == Phase::open && !queue_) {
    sent = send_now(pieces);
    if (writing_ == Writing::failed) return 0;
  }
  enqueue(pieces, sent);
  return sent;
}

std::size_t EpollTransport::send_now(std::span<const std::string_view> pieces) {
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
      n = count == 1 ? ::send(fd_, vector[0].iov_base, vector[0].iov_len, MSG_NOSIGNAL)
                     : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
      if (!would_block(errno))
        fail_writing(errno);
      else if (errno != EAGAIN)
        runtime_.go_on_later(*this);  // of memory that comes free no event tells
      break;
    }
    sent += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < offered) break;
  }
  return sent;
}

void EpollTransport::enqueue(std::span<const std::string_view> pieces, std::size_t skip) {
  std::size_t left = 0;
  for (const std::string_view piece : pieces) left += piece.size();
  left -= skip;
  if (left == 0) return;
  const bool first = !queue_;
  if (first) {
    queue_ = std::make_unique<Queue>();
    queue_->bytes.reserve(left);
  }
  for (std::string_view piece : pieces) {
    const std::size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    queue_->append(piece.substr(skipped));
  }
  if (first && phase_ == Phase::open) await_room();
}

// The first time the kernel has no room. Being asked anew it also tells of room that has come meanwhile.
void EpollTransport::await_room() {
  if (watches_room_) return;
  watches_room_ = true;
  const int error = runtime_.rewatch(fd_, kReadEvents | EPOLLOUT, *this);
  if (error == 0) return;
  queue_.reset();
  fail_writing(error);
}

std::size_t EpollTransport::pending() const {
  return queue_ && phase_ <= Phase::open ? queue_->size() : 0;
}

bool EpollTransport::quiet() {
  char byte = 0;
  if (phase_ != Phase::open || read_ended_ || ::recv(fd_, &byte, 1, MSG_PEEK) >= 0) return false;
  if (errno != EAGAIN) broken_ = true;
  return errno == EAGAIN;
}

void EpollTransport::send_queue() {
  const std::string_view rest = std::string_view(queue_->bytes).substr(queue_->sent);
  const std::size_t sent = send_now(std::span(&rest, 1));
  if (writing_ == Writing::failed) return queue_.reset();
  queue_->sent += sent;
  if (queue_->size() == 0) {
    queue_.reset();
    if (writing_ == Writing::ending) finish_writing();
  }
  if (sent == 0 || handler_ == nullptr) return;
  handler_->on_sent(sent);
  runtime_.end_callback();
}

void EpollTransport::shutdown_write() {
  if (writing_ != Writing::open || phase_ > Phase::open) return;
  writing_ = Writing::ending;
  if (phase_ == Phase::open && !queue_) finish_writing();
}

void EpollTransport::finish_writing() {
  writing_ = Writing::ended;
  ::shutdown(fd_, SHUT_WR);
}

// The handler is told by a task of this turn, never from within write(). The kernel tells of an RST once: to
// a write or to a read, and what the other gets looks like a plain end. EPIPE means that the peer's FIN had
// come before.
void EpollTransport::fail_writing(int error) {
  writing_ = Writing::failed;
  error_ = error;
  if (error != EPIPE) broken_ = true;
  runtime_.defer(*this);
}

void EpollTransport::run_deferred() {
  const int error = std::exchange(error_, 0);
  if (phase_ == Phase::connecting) return finish_connect(error);
  if (error != 0 && handler_ != nullptr) handler_->on_write_error(broken(error));
}

// A unix socket has no such option, and no far end either.
void EpollTransport::keep_little_unsent() {
  if (fd_ >= 0) ::setsockopt(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kLittle, sizeof kLittle);
}

std::size_t EpollTransport::unacknowledged() const {
  int bytes = 0;
  return fd_ >= 0 && ::ioctl(fd_, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

io::IpPort EpollTransport::local() const {
  const auto bound = fd_ >= 0 ? bound_address(fd_) : std::nullopt;
  return bound ? io::IpPort{bound->ip, bound->port} : io::IpPort{};
}

void EpollTransport::reset() {
  if (phase_ == Phase::closed) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void EpollTransport::release() {
  if (phase_ != Phase::closed) close();
  runtime_.graveyard().retire(std::unique_ptr<EpollTransport>(this));
}

void EpollTransport::close() {
  phase_ = Phase::closed;
  handler_ = nullptr;
  Deferred::unlink();
  Watch::unlink();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  descriptors::closed();
  runtime_.descriptor_freed();
}

}  // namespace weir::epoll

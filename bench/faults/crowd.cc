// The crowd beside the traffic of the fault bench: many clients that are slow, or that do nothing at all.
//
//   bench_fault_crowd ADDRESS PORT KIND COUNT
//
// KIND: idle (a request each, then nothing), heads (a byte of a head each second), bodies (40 bytes each
// second of one that is to have 4000), reads (512 bytes each second of an answer of 1 MiB), slow (a third of
// each of the three). It says "ready" once all are connected, ends with its stdin, and says then "held N
// ended M": how many connections are open, and how many have ended under their client. A slow client comes
// again.
#include <poll.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bench/faults/sockets.h"

namespace weir::bench {
namespace {

constexpr int kTicks = 10;  // a second: of the clients, every tenth does something in each
constexpr std::size_t kAtOnce = 200;

enum class Kind { kIdle, kHeads, kBodies, kReads };

struct Client {
  Kind kind = Kind::kIdle;
  int fd = -1;
  std::size_t at = 0;  // of what it has to send
};

class Crowd {
 public:
  Crowd(const sockaddr_in& to, std::string_view kind, std::size_t count);
  void run();

 private:
  void gather();
  void begin(std::size_t number);
  void turn(std::size_t number);
  bool move(std::size_t number);  // false: its connection has ended

  sockaddr_in to_;
  std::vector<Client> clients_;
  std::size_t ended_ = 0;
};

Crowd::Crowd(const sockaddr_in& to, std::string_view kind, std::size_t count) : to_(to), clients_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    Kind third = std::array{Kind::kHeads, Kind::kBodies, Kind::kReads}[i % 3];
    clients_[i].kind = kind == "idle"     ? Kind::kIdle
                       : kind == "heads"  ? Kind::kHeads
                       : kind == "bodies" ? Kind::kBodies
                       : kind == "reads"  ? Kind::kReads
                                          : third;
  }
}

std::string text_of(Kind kind, std::size_t number) {
  std::string id = "c" + std::to_string(number);
  switch (kind) {
    case Kind::kIdle:
      return "GET /" + id + "/100/l HTTP/1.1\r\nHost: faults.test\r\n\r\n";
    case Kind::kHeads:
      return "GET /" + id + "/100/l HTTP/1.1\r\nHost: faults.test\r\nX-Slow: " + std::string(4000, 's') +
             "\r\n\r\n";
    case Kind::kBodies:
      return "POST /" + id + "/100/l HTTP/1.1\r\nHost: faults.test\r\nContent-Length: 4000\r\n\r\n" +
             std::string(4000, 'b');
    case Kind::kReads:
      return "GET /" + id + "/1048576/l HTTP/1.1\r\nHost: faults.test\r\n\r\n";
  }
  return {};
}

void Crowd::begin(std::size_t number) {
  Client& c = clients_[number];
  c.at = 0;
  c.fd = begin_connect(to_, c.kind == Kind::kReads ? 4096 : 0);
}

bool has_come(int fd, short what, int patience) {
  pollfd entry{.fd = fd, .events = what, .revents = 0};
  return poll(&entry, 1, patience) > 0;
}

// In waves, so that neither their connections nor their requests come all at once.
void Crowd::gather() {
  for (std::size_t from = 0; from < clients_.size(); from += kAtOnce) {
    std::size_t to = std::min(clients_.size(), from + kAtOnce);
    for (std::size_t i = from; i < to; ++i) begin(i);
    for (std::size_t i = from; i < to; ++i) {
      has_come(clients_[i].fd, POLLOUT, 5000);
      if (clients_[i].kind == Kind::kIdle) move(i);
    }
    for (std::size_t i = from; i < to; ++i)
      if (clients_[i].kind == Kind::kIdle) has_come(clients_[i].fd, POLLIN, 5000);
    for (std::size_t i = from; i < to; ++i)
      if (clients_[i].kind == Kind::kIdle) move(i);
  }
  std::puts("ready");
  std::fflush(stdout);
}

bool Crowd::move(std::size_t number) {
  Client& c = clients_[number];
  std::array<char, 2048> buffer;
  std::size_t read_at_once = c.kind == Kind::kReads ? 512 : buffer.size();
  ssize_t n = recv(c.fd, buffer.data(), read_at_once, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
  std::string text = text_of(c.kind, number);
  std::size_t head = text.find("\r\n\r\n") + 4, until = text.size();
  if (c.kind == Kind::kHeads) until = std::max<std::size_t>(40, c.at + 1);
  if (c.kind == Kind::kBodies) until = std::max(head, c.at + 40);
  until = std::min(until, text.size());
  if (c.at >= until) return true;
  ssize_t sent = send(c.fd, text.data() + c.at, until - c.at, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) return false;
  if (sent > 0) c.at += static_cast<std::size_t>(sent);
  return true;
}

void Crowd::turn(std::size_t number) {
  if (clients_[number].fd < 0 || move(number)) return;
  ++ended_;
  close(clients_[number].fd);
  clients_[number].fd = -1;
  if (clients_[number].kind != Kind::kIdle) begin(number);
}

void Crowd::run() {
  gather();
  for (std::size_t tick = 0;; ++tick) {
    if (has_come(STDIN_FILENO, POLLIN, 1000 / kTicks)) break;
    for (std::size_t i = tick % kTicks; i < clients_.size(); i += kTicks) turn(i);
  }
  auto held = std::count_if(clients_.begin(), clients_.end(), [](const Client& c) { return c.fd >= 0; });
  std::printf("held %zu ended %zu\n", static_cast<std::size_t>(held), ended_);
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s ADDRESS PORT KIND COUNT\n", argv[0]);
    return 2;
  }
  weir::bench::Crowd(weir::bench::endpoint(argv[1], argv[2]), argv[3], std::strtoul(argv[4], nullptr, 10))
      .run();
}

// A node of the fault bench: an app server that fails as it is told. One thread, epoll, HTTP/1.1.
//
//   bench_fault_node ADDRESS PORT NAME LOG
//
// Commands come by stdin, a line each, and are answered with "ok" once they are in force: `set KEY VALUE`
// (see behaviour.h), `freeze` (nothing is read any more and SYNs are dropped, as if the cable were out; the
// kernel keeps what came) and `thaw`, `refuse` (no listener, no connection) and `listen`, `stop` (no new
// connection, what is in flight is answered, then the process ends). It ends with its stdin. For each request
// that it read whole it appends a line to LOG at once, so that a kill loses none: microseconds, id, what it
// means to do.
#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <unordered_map>
#include <vector>

#include "bench/faults/behaviour.h"
#include "bench/faults/sockets.h"
#include "bench/field.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t kListener = 0, kCommands = 1;

enum class State { kReading, kWaiting, kServing, kSwallowed, kSending, kEnding };

struct Connection {
  std::uint64_t id = 0;
  int fd = -1;
  State state = State::kReading;
  std::string in;             // read, and not understood yet
  std::size_t body_left = 0;  // of the request's body
  bool in_body = false;
  bool asks_close = false;
  bool has_slot = false;
  Asked asked;
  Plan plan;
  std::size_t sent = 0;
  std::int64_t idle_since = 0;  // 0: it has not answered yet
  std::uint64_t turn = 0;       // timers of earlier turns are void
};

struct Timer {
  std::int64_t due;
  std::uint64_t connection, turn;
  bool operator>(const Timer& other) const { return due > other.due; }
};

class Node {
 public:
  Node(const sockaddr_in& at, std::string name, const char* log);
  void run();

 private:
  void on_commands();
  void obey(std::string_view line);
  void set(std::string_view key, std::string_view value);
  void freeze();
  void stop();
  void start_listening();
  void stop_listening();

  void accept_all();
  void on_readable(Connection& c);
  void advance(Connection& c);  // as far as what was read goes
  bool take_head(Connection& c);
  bool take_slot(Connection& c);
  void decide(Connection& c);
  void send_plan(Connection& c);
  void rest(Connection& c);  // idle, or on with what was read meanwhile
  void on_timer(Connection& c);
  void end(Connection& c, After how);
  void give_slot(Connection& c);
  void arm(Connection& c, double milliseconds);
  void fire_timers();
  void record(const Connection& c, std::string_view what) const;
  bool draw(double share) { return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share; }

  sockaddr_in at_;
  std::string name_;
  int log_;
  int listener_ = -1;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  Behaviour behaviour_;
  bool stopping_ = false, frozen_ = false;
  std::string commands_;
  std::vector<int> fillers_;  // what keeps the accept queue full while it is frozen
  std::uint64_t next_id_ = 2;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::deque<std::uint64_t> waiting_;
  double slots_taken_ = 0;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::mt19937_64 random_{std::random_device{}()};
};

Node::Node(const sockaddr_in& at, std::string name, const char* log)
    : at_(at), name_(std::move(name)), log_(open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (log_ < 0) fail(log);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  wait_for(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, kCommands);
  start_listening();
  std::puts("ready");
  std::fflush(stdout);
}

void Node::run() {
  std::array<epoll_event, 256> events;
  while (!stopping_ || !connections_.empty()) {
    int wait = -1;
    if (!timers_.empty())
      wait = static_cast<int>(std::max<std::int64_t>(0, timers_.top().due - now_us() + 999) / 1000);
    int n = epoll_wait(epoll_, events.data(), events.size(), wait);
    for (int i = 0; i < n; ++i) {
      std::uint64_t id = events[i].data.u64;
      if (id == kListener) accept_all();
      if (id == kCommands) on_commands();
      auto found = connections_.find(id);
      if (found == connections_.end()) continue;
      if (found->second->state == State::kSending) {
        send_plan(*found->second);
      } else {
        on_readable(*found->second);
      }
    }
    fire_timers();
  }
}

// ---- commands ----------------------------------------------------------------------------------------

void Node::on_commands() {
  do {
    std::array<char, 4096> buffer;
    ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n == 0) std::exit(0);
    if (n > 0) commands_.append(buffer.data(), static_cast<std::size_t>(n));
    for (std::size_t end; (end = commands_.find('\n')) != std::string::npos; commands_.erase(0, end + 1)) {
      obey(std::string_view(commands_).substr(0, end));
      std::puts("ok");
      std::fflush(stdout);
    }
    if (frozen_) fcntl(STDIN_FILENO, F_SETFL, 0);  // nothing else is waited for
  } while (frozen_);
  fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
}

void Node::obey(std::string_view line) {
  if (line == "freeze") return freeze();
  if (line == "refuse") return stop_listening();
  if (line == "stop") return stop();
  if (line == "listen") return start_listening();
  if (line == "thaw") {
    frozen_ = false;
    for (int fd : fillers_) close(fd);
    fillers_.clear();
    listen(listener_, 4096);
    return;
  }
  std::size_t key = line.find(' '), value = line.rfind(' ');
  set(line.substr(key + 1, value - key - 1), line.substr(value + 1));
}

void Node::set(std::string_view key, std::string_view value) {
  for (const BehaviourKey& known : kBehaviourKeys)
    if (known.name == key)
      std::from_chars(value.data(), value.data() + value.size(), behaviour_.*known.value);
  if (key != "hole" || behaviour_.hole > 0) return;
  std::vector<Connection*> swallowed;
  for (auto& [id, c] : connections_)
    if (c->state == State::kSwallowed) swallowed.push_back(c.get());
  for (Connection* c : swallowed) end(*c, After::kReset);
}

// A listener whose queue is full drops SYNs. Two fill it: Linux takes one more than it is told.
void Node::freeze() {
  listen(listener_, 0);
  while (fillers_.size() < 2) fillers_.push_back(begin_connect(at_));
  frozen_ = true;
}

void Node::stop() {
  stopping_ = true;
  wait_for(epoll_, EPOLL_CTL_DEL, listener_, 0, kListener);
  close(listener_);
  std::vector<Connection*> idle;
  for (auto& [id, c] : connections_)
    if (c->state == State::kReading && c->in.empty() && !c->in_body) idle.push_back(c.get());
  for (Connection* c : idle) end(*c, After::kClose);
}

void Node::start_listening() {
  listener_ = open_listener(at_);
  wait_for(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, kListener);
}

void Node::stop_listening() {
  close(listener_);
  while (!connections_.empty()) end(*connections_.begin()->second, After::kReset);
}

// ---- connections -------------------------------------------------------------------------------------

void Node::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto c = std::make_unique<Connection>();
    c->id = next_id_++;
    c->fd = fd;
    wait_for(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN, c->id);
    connections_.emplace(c->id, std::move(c));
  }
}

void Node::on_readable(Connection& c) {
  bool idle = c.state == State::kReading && c.in.empty() && !c.in_body && c.idle_since != 0;
  if (idle && behaviour_.idle_ms > 0 && now_us() - c.idle_since > 900 * behaviour_.idle_ms &&
      draw(behaviour_.lose))
    return end(
        c, After::kClose);  // with unread bytes: the peer reads a reset, as from a close that crossed them
  std::array<char, 64 * 1024> buffer;
  ssize_t n = read(c.fd, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return end(c, After::kClose);
  c.in.append(buffer.data(), static_cast<std::size_t>(n));
  if (c.state == State::kReading) advance(c);
}

void Node::advance(Connection& c) {
  if (!c.in_body && !take_head(c)) return;
  if (!take_slot(c)) return;
  std::size_t body = std::min(c.in.size(), c.body_left);
  c.in.erase(0, body);
  c.body_left -= body;
  if (c.body_left == 0) decide(c);
}

bool Node::take_head(Connection& c) {
  std::size_t end_of_head = c.in.find("\r\n\r\n");
  if (end_of_head == std::string::npos) return false;
  std::string_view head = std::string_view(c.in).substr(0, end_of_head + 2);
  std::string_view path = head.substr(head.find(' ') + 1);
  c.asked = read_target(path.substr(0, path.find(' ')));
  std::string_view length = field(head, "content-length");
  c.body_left = 0;
  std::from_chars(length.data(), length.data() + length.size(), c.body_left);
  c.asks_close = field(head, "connection") == "close";
  bool chunked = !field(head, "transfer-encoding").empty();
  c.in.erase(0, end_of_head + 4);
  c.in_body = true;
  ++c.turn;
  if (chunked) end(c, After::kReset);  // no client of the bench sends chunks
  return !chunked;
}

bool Node::take_slot(Connection& c) {
  if (c.has_slot || behaviour_.slots == 0 || c.asked.id == "healthz") return true;
  if (slots_taken_ >= behaviour_.slots) {
    c.state = State::kWaiting;
    waiting_.push_back(c.id);
    return false;
  }
  c.has_slot = true;
  ++slots_taken_;
  return true;
}

void Node::decide(Connection& c) {
  double time = behaviour_.service_ms * behaviour_.slow * std::uniform_real_distribution<>(0.5, 1.5)(random_);
  bool last = stopping_ || c.asks_close;
  c.in_body = false;
  c.state = State::kServing;
  if (behaviour_.hole > 0) {
    record(c, "hole");
    c.state = State::kSwallowed;
    return;
  }
  if (c.asked.id == "healthz") {
    c.plan = whole_answer(c.asked, name_, 200, last);
  } else if (draw(behaviour_.reset)) {
    record(c, "reset");
    c.plan = {"", After::kReset};
  } else if (draw(behaviour_.status_share)) {
    record(c, "status");
    c.plan = whole_answer(c.asked, name_, static_cast<int>(behaviour_.status), last);
  } else if (draw(behaviour_.cut)) {
    record(c, "cut");
    c.plan = cut_answer(c.asked, name_, static_cast<unsigned>(random_() % 5));
  } else {
    record(c, "ok");
    c.plan = whole_answer(c.asked, name_, 200, last);
  }
  arm(c, time);
}

void Node::on_timer(Connection& c) {
  if (c.state == State::kReading) return end(c, After::kClose);  // it lay idle
  if (c.state == State::kEnding) return end(c, c.plan.after);
  c.sent = 0;
  c.state = State::kSending;
  give_slot(c);
  send_plan(c);
}

void Node::send_plan(Connection& c) {
  while (c.sent < c.plan.bytes.size()) {
    ssize_t n = send(c.fd, c.plan.bytes.data() + c.sent, c.plan.bytes.size() - c.sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return wait_for(epoll_, EPOLL_CTL_MOD, c.fd, EPOLLOUT, c.id);
    if (n < 0) return end(c, After::kClose);
    c.sent += static_cast<std::size_t>(n);
  }
  wait_for(epoll_, EPOLL_CTL_MOD, c.fd, EPOLLIN, c.id);
  if (c.plan.after == After::kKeep) return rest(c);
  c.state = State::kEnding;
  // So that what was sent is read before it ends: a reset that overtakes it would be no cut answer, but none.
  arm(c, c.plan.bytes.empty() ? 0 : 5);
}

void Node::rest(Connection& c) {
  ++c.turn;
  c.state = State::kReading;
  c.idle_since = now_us();
  if (!c.in.empty()) return advance(c);
  if (stopping_) return end(c, After::kClose);
  if (behaviour_.idle_ms > 0) arm(c, behaviour_.idle_ms);
}

void Node::end(Connection& c, After how) {
  give_slot(c);
  if (how == After::kReset) {
    close_by_reset(c.fd);
  } else {
    close(c.fd);
  }
  std::uint64_t id = c.id;
  connections_.erase(id);
}

void Node::give_slot(Connection& c) {
  if (!c.has_slot) return;
  c.has_slot = false;
  --slots_taken_;
  while (!waiting_.empty() && slots_taken_ < behaviour_.slots) {
    auto next = connections_.find(waiting_.front());
    waiting_.pop_front();
    if (next == connections_.end()) continue;
    next->second->state = State::kReading;
    return advance(*next->second);
  }
}

// ---- time and the log --------------------------------------------------------------------------------

void Node::arm(Connection& c, double milliseconds) {
  timers_.push({now_us() + static_cast<std::int64_t>(milliseconds * 1000), c.id, ++c.turn});
}

void Node::fire_timers() {
  while (!timers_.empty() && timers_.top().due <= now_us()) {
    Timer timer = timers_.top();
    timers_.pop();
    auto found = connections_.find(timer.connection);
    if (found != connections_.end() && found->second->turn == timer.turn) on_timer(*found->second);
  }
}

void Node::record(const Connection& c, std::string_view what) const {
  if (c.asked.id == "healthz") return;
  std::string line = std::to_string(now_us()) + ' ' + c.asked.id + ' ' + std::string(what) + '\n';
  if (write(log_, line.data(), line.size()) < 0) fail("log");
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s ADDRESS PORT NAME LOG\n", argv[0]);
    return 2;
  }
  weir::bench::Node(weir::bench::endpoint(argv[1], argv[2]), argv[3], argv[4]).run();
}

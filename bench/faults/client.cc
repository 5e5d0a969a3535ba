// The clients of the fault bench: requests at fixed times, whatever the answers do, over keep-alive
// connections.
//
//   bench_fault_client ADDRESS PORT RATE SECONDS BURST ABORTS OUT
//
// RATE requests a second, evenly spaced; or, with BURST above 1, so many at once about each second (0.93 to
// 1.01 s apart). The same in each run: of ten, eight are GET, one is a POST with an Idempotency-Key, one a
// POST without. ABORTS more a second are given up by their client within 25 ms. It says "start MICROSECONDS"
// on stdout as it begins, and writes to OUT a line for each:
//
//   id kind due sent end outcome node
//
// kind: get, key, post, abort. Times are microseconds of the common clock. outcome: ok; a status; cut (a
// head, and no whole body), closed (no head), refused, timeout (8 s), bad (no HTTP), hidden, crossed
// (answer.h), aborted. A client does not ask twice, so a request that meets the end of an idle connection has
// failed; connections that are seen to have ended are not used.
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <queue>
#include <random>
#include <unordered_map>
#include <vector>

#include "bench/faults/answer.h"
#include "bench/faults/sockets.h"

namespace weir::bench {
namespace {

constexpr std::int64_t kPatience = 8'000'000;

enum class Kind { kGet, kKey, kPost, kAbort };
constexpr std::array kKindNames{"get", "key", "post", "abort"};

struct Request {
  std::string id;
  Kind kind = Kind::kGet;
  std::int64_t due = 0, sent = 0, end = 0, give_up = 0;
  std::string outcome, node = "-";
};

struct Connection {
  std::uint64_t id = 0;
  int fd = -1;
  Request* request = nullptr;  // null: idle
  bool refused = false;
  std::string out, in;
};

struct Deadline {
  std::int64_t at;
  std::uint64_t connection;
  Request* request;  // void once the connection has another one
  bool operator>(const Deadline& other) const { return at > other.at; }
};

class Client {
 public:
  explicit Client(const sockaddr_in& to) : to_(to) {}
  void plan(double rate, double seconds, int burst, double aborts);
  void run();
  void write(const char* file) const;

 private:
  void add(Kind kind, std::int64_t due);
  void begin(Request& request);
  Connection* connection();
  void on_event(Connection& c, std::uint32_t events);
  void send_rest(Connection& c);
  void on_bytes(Connection& c, bool ended);
  void finish(Connection& c, std::string outcome, bool reusable);
  void fire_deadlines();
  void wait(std::int64_t until);

  sockaddr_in to_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Request> requests_;  // by their due times; all are there before the first is sent
  std::size_t left_ = 0;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::uint64_t> idle_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::mt19937_64 random_{7};
  std::array<char, 256 * 1024> buffer_;
};

// ---- the plan ----------------------------------------------------------------------------------------

void Client::add(Kind kind, std::int64_t due) {
  Request& request = requests_.emplace_back();
  request.id = 'r' + std::to_string(requests_.size());
  request.kind = kind;
  request.due = due;
}

void Client::plan(double rate, double seconds, int burst, double aborts) {
  std::uniform_real_distribution<> unit(0, 1);
  for (double at = 0; at < seconds * 1e6; at += burst == 1 ? 1e6 / rate : 930'000 + 80'000 * unit(random_))
    for (int i = 0; i < burst; ++i) {
      auto turn = random_() % 10;
      add(turn < 8 ? Kind::kGet : turn == 8 ? Kind::kKey : Kind::kPost, std::llround(at));
    }
  for (double at = 0; aborts > 0 && at < seconds * 1e6; at += 2e6 / aborts * unit(random_))
    add(Kind::kAbort, std::llround(at));
  std::sort(requests_.begin(), requests_.end(), [](const auto& a, const auto& b) { return a.due < b.due; });
  std::int64_t start = now_us() + 20'000;
  for (Request& request : requests_) request.due += start;
  left_ = requests_.size();
  std::printf("start %lld\n", static_cast<long long>(start));
  std::fflush(stdout);
}

void Client::run() {
  std::size_t next = 0;
  while (left_ > 0) {
    while (next < requests_.size() && requests_[next].due <= now_us()) begin(requests_[next++]);
    fire_deadlines();
    std::int64_t until = next < requests_.size() ? requests_[next].due : now_us() + kPatience;
    if (!deadlines_.empty()) until = std::min(until, deadlines_.top().at);
    if (left_ > 0) wait(until);
  }
}

void Client::wait(std::int64_t until) {
  std::int64_t us = std::max<std::int64_t>(0, until - now_us());
  timespec timeout{.tv_sec = us / 1'000'000, .tv_nsec = us % 1'000'000 * 1000};
  std::array<epoll_event, 256> events;
  int n = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < n; ++i) {
    auto found = connections_.find(events[i].data.u64);
    if (found != connections_.end()) on_event(*found->second, events[i].events);
  }
}

// ---- one request -------------------------------------------------------------------------------------

// Most answers are small, one in twenty has 100,000 bytes; half of them come in chunks.
std::string text_of(const Request& request, std::mt19937_64& random) {
  std::size_t size = random() % 20 == 0 ? 100'000 : 100 + random() % 4000;
  std::string target = '/' + request.id + '/' + std::to_string(size) + (random() % 2 == 0 ? "/l" : "/c");
  bool post = request.kind == Kind::kKey || request.kind == Kind::kPost ||
              (request.kind == Kind::kAbort && random() % 2 == 0);
  std::string text = (post ? "POST " : "GET ") + target + " HTTP/1.1\r\nHost: faults.test\r\n";
  if (request.kind == Kind::kKey) text += "Idempotency-Key: \"" + request.id + "\"\r\n";
  if (!post) return text + "\r\n";
  std::size_t body = 100 + random() % 4000;
  return text + "Content-Length: " + std::to_string(body) + "\r\n\r\n" + std::string(body, 'b');
}

void Client::begin(Request& request) {
  request.sent = now_us();
  Connection* c = connection();
  if (c == nullptr) {
    request.end = now_us();
    request.outcome = "refused";
    --left_;
    return;
  }
  c->request = &request;
  c->in.clear();
  c->out = text_of(request, random_);
  request.give_up = request.kind == Kind::kAbort
                        ? request.sent + static_cast<std::int64_t>(random_() % 25'000)
                        : request.sent + kPatience;
  deadlines_.push({request.give_up, c->id, &request});
  send_rest(*c);
}

// The one that was used last; those that have ended meanwhile are left out.
Connection* Client::connection() {
  while (!idle_.empty()) {
    auto found = connections_.find(idle_.back());
    idle_.pop_back();
    if (found == connections_.end()) continue;
    char byte;
    ssize_t n = recv(found->second->fd, &byte, 1, MSG_PEEK);
    if (n < 0 && errno == EAGAIN) return found->second.get();
    close(found->second->fd);
    connections_.erase(found);
  }
  int fd = begin_connect(to_);
  if (fd < 0) return nullptr;
  auto c = std::make_unique<Connection>();
  c->id = next_id_++;
  c->fd = fd;
  wait_for(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET, c->id);
  return connections_.emplace(c->id, std::move(c)).first->second.get();
}

// What fails here for another reason fails when it reads, too.
void Client::send_rest(Connection& c) {
  while (!c.out.empty()) {
    ssize_t n = send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == ECONNREFUSED) c.refused = true;
    if (n < 0) return;
    c.out.erase(0, static_cast<std::size_t>(n));
  }
}

void Client::on_event(Connection& c, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) send_rest(c);
  ssize_t n;
  while ((n = read(c.fd, buffer_.data(), buffer_.size())) > 0)
    c.in.append(buffer_.data(), static_cast<std::size_t>(n));
  int error = errno;
  if (c.request == nullptr) {
    if (n < 0 && error == EAGAIN && c.in.empty()) return;
    close(c.fd);
    connections_.erase(std::uint64_t{c.id});
    return;
  }
  if (c.refused || (n < 0 && error == ECONNREFUSED)) return finish(c, "refused", false);
  if (n == 0 || (n < 0 && error == EAGAIN)) return on_bytes(c, n == 0);
  // An error: what came before it may be a whole answer.
  Answer answer = read_answer(c.in, false);
  if (answer.framing != Framing::kMore) return on_bytes(c, false);
  finish(c, answer.has_head ? "cut" : "closed", false);
}

void Client::on_bytes(Connection& c, bool ended) {
  Answer answer = read_answer(c.in, ended);
  if (answer.framing == Framing::kBad) return finish(c, "bad", false);
  if (answer.framing == Framing::kWhole) {
    std::string outcome = judge_whole(answer, c.request->id, c.request->node);
    return finish(c, std::move(outcome), !answer.last && !ended && c.out.empty());
  }
  if (ended) finish(c, answer.has_head ? "cut" : "closed", false);
}

void Client::finish(Connection& c, std::string outcome, bool reusable) {
  c.request->outcome = std::move(outcome);
  c.request->end = now_us();
  c.request = nullptr;
  --left_;
  if (reusable) {
    idle_.push_back(c.id);
    c.in.clear();
    return;
  }
  close_by_reset(c.fd);
  connections_.erase(std::uint64_t{c.id});
}

void Client::fire_deadlines() {
  while (!deadlines_.empty() && deadlines_.top().at <= now_us()) {
    Deadline deadline = deadlines_.top();
    deadlines_.pop();
    auto found = connections_.find(deadline.connection);
    if (found == connections_.end() || found->second->request != deadline.request) continue;
    finish(*found->second, deadline.request->kind == Kind::kAbort ? "aborted" : "timeout", false);
  }
}

void Client::write(const char* file) const {
  std::ofstream out(file);
  for (const Request& r : requests_)
    out << r.id << ' ' << kKindNames[static_cast<std::size_t>(r.kind)] << ' ' << r.due << ' ' << r.sent << ' '
        << r.end << ' ' << r.outcome << ' ' << r.node << '\n';
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: %s ADDRESS PORT RATE SECONDS BURST ABORTS OUT\n", argv[0]);
    return 2;
  }
  weir::bench::Client client(weir::bench::endpoint(argv[1], argv[2]));
  client.plan(std::atof(argv[3]), std::atof(argv[4]), std::atoi(argv[5]), std::atof(argv[6]));
  client.run();
  client.write(argv[7]);
}

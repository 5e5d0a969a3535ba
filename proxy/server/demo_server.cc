#include "proxy/server/demo_server.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <system_error>

#include "proxy/base/ascii.h"
#include "proxy/http/fields.h"

namespace weir::server {
namespace {

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::chrono::milliseconds kLongestSleep{10000};

std::string endpoint(const DemoAddress& address) {
  bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool receive(int fd, std::string& buffer) {
  std::array<char, 16 * 1024> piece;
  ssize_t n = 0;
  do n = recv(fd, piece.data(), piece.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  buffer.append(piece.data(), static_cast<std::size_t>(n));
  return true;
}

const char* phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 411:
      return "Length Required";
    default:
      return "Internal Server Error";
  }
}

int bound_socket(const addrinfo& at) {
  int fd = socket(at.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, at.ai_addr, at.ai_addrlen) == 0 && ::listen(fd, 128) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

std::string DemoServer::listen() {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::string port = std::to_string(address_.port);
  if (int error = getaddrinfo(address_.host.c_str(), port.c_str(), &hints, &found); error != 0)
    return "demo server " + address_.name + ": " + endpoint(address_) +
           " is no address: " + gai_strerror(error);
  listener_ = bound_socket(*found);
  int error = errno;
  freeaddrinfo(found);
  if (listener_ >= 0) return {};
  return "demo server " + address_.name + " cannot listen on " + endpoint(address_) + ": " +
         std::generic_category().message(error);
}

void DemoServer::serve() {
  acceptor_ = std::thread([this] { accept_loop(); });
}

DemoServer::~DemoServer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (Connection& connection : connections_)
      if (!connection.over) shutdown(connection.fd, SHUT_RDWR);
  }
  changed_.notify_all();
  if (listener_ >= 0) shutdown(listener_, SHUT_RDWR);  // accept() returns
  if (acceptor_.joinable()) acceptor_.join();
  for (Connection& connection : connections_) connection.thread.join();
  if (listener_ >= 0) close(listener_);
}

void DemoServer::accept_loop() {
  for (;;) {
    wait_for_room();
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::unique_lock lock(mutex_);
    if (stopping_) {
      if (fd >= 0) close(fd);
      return;
    }
    if (fd < 0) {  // the client has gone again, or descriptors ran out: no spinning then
      changed_.wait_for(lock, std::chrono::milliseconds(10));
      continue;
    }
    Connection& connection = connections_.emplace_back(Connection{fd, {}, false});
    try {
      connection.thread = std::thread([this, &connection] { converse(connection); });
    } catch (const std::system_error&) {  // no thread to be had
      close(fd);
      connections_.pop_back();
    }
  }
}

void DemoServer::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    join_finished();
    return stopping_ || connections_.size() < kMaxConnections;
  });
}

// A thread that has set `over` takes no lock any more, so joining it under the lock is safe.
void DemoServer::join_finished() {
  std::erase_if(connections_, [](Connection& connection) {
    if (connection.over) connection.thread.join();
    return connection.over;
  });
}

bool DemoServer::crowded() {
  std::lock_guard lock(mutex_);
  return connections_.size() > kMaxConnections * 3 / 4;
}

void DemoServer::converse(Connection& connection) {
  int on = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string buffer, head;
  while (read_head(connection.fd, buffer, head)) {
    Request request = parse(head);
    if (!drop_body(connection.fd, buffer, request.body)) break;
    Answer reply = answer(request);
    bool last = request.after == Request::After::close || crowded();
    std::string text =
        "HTTP/1.1 " + std::to_string(reply.status) + " " + phrase(reply.status) +
        "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(reply.text.size()) +
        (last ? "\r\nConnection: close" : "") + "\r\n\r\n";
    if (request.method != "HEAD") text += reply.text;
    if (!send_all(connection.fd, text) || last) break;
  }
  std::lock_guard lock(mutex_);
  close(connection.fd);
  connection.over = true;
  changed_.notify_all();
}

// Takes one head, its last empty line included, from what `buffer` holds or the socket brings.
bool DemoServer::read_head(int fd, std::string& buffer, std::string& head) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (buffer.size() > kMaxHead || !receive(fd, buffer)) return false;
  head = buffer.substr(0, end + 4);
  buffer.erase(0, end + 4);
  return true;
}

bool DemoServer::drop_body(int fd, std::string& buffer, std::size_t size) {
  for (;;) {
    std::size_t taken = std::min(size, buffer.size());
    buffer.erase(0, taken);
    size -= taken;
    if (size == 0) return true;
    if (!receive(fd, buffer)) return false;
  }
}

DemoServer::Request DemoServer::parse(std::string_view head) {
  Request request;
  std::string_view line = head.substr(0, head.find("\r\n"));
  std::size_t space = line.find(' ');
  std::size_t end = line.rfind(' ');
  request.method = line.substr(0, space);
  if (space < end) {
    std::string_view target = line.substr(space + 1, end - space - 1);
    std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  }
  if (line.ends_with("HTTP/1.0")) request.after = Request::After::close;
  for (std::size_t at = line.size() + 2; at + 2 < head.size();) {
    std::size_t stop = head.find("\r\n", at);
    std::string_view field = head.substr(at, stop - at);
    at = stop + 2;
    std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = field.substr(0, colon);
    std::string_view value = base::trim(field.substr(colon + 1));
    if (http::same_name(name, "content-length")) request.body = number(value).value_or(0);
    if (http::same_name(name, "transfer-encoding")) request.framing = Request::Framing::unsupported;
    if (http::same_name(name, "connection") && http::same_name(value, "close"))
      request.after = Request::After::close;
    if (http::same_name(name, "x-forwarded-for")) request.forwarded_for = value;
  }
  if (request.framing == Request::Framing::unsupported) request.after = Request::After::close;
  return request;
}

DemoServer::Answer DemoServer::answer(const Request& request) {
  std::uint64_t count = requests_.fetch_add(1) + 1;
  if (request.framing == Request::Framing::unsupported) return {411, "send a Content-Length\n"};
  if (request.path == "/healthz")
    return failing_ ? Answer{500, address_.name + " is failing\n"}
                    : Answer{200, address_.name + " is well\n"};
  if (request.method == "POST" && (request.path == "/fail" || request.path == "/recover")) {
    failing_ = request.path == "/fail";
    return {200,
            address_.name + (failing_ ? " answers its health checks with 500 now\n" : " is well again\n")};
  }
  if (request.path == "/slow") sleep_for_query(request.query);
  std::string from = request.forwarded_for.empty() ? "nobody in between" : request.forwarded_for;
  return {200, address_.name + ": request " + std::to_string(count) + ", " + request.method + " " +
                   request.path + ", forwarded for " + from + "\n"};
}

void DemoServer::sleep_for_query(std::string_view query) {
  std::size_t at = query.find("ms=");
  if (at == std::string_view::npos) return;
  std::string_view text = query.substr(at + 3);
  std::chrono::milliseconds wish(std::min<std::uint64_t>(number(text.substr(0, text.find('&'))).value_or(0),
                                                         static_cast<std::uint64_t>(kLongestSleep.count())));
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, std::chrono::steady_clock::now() + wish, [this] { return stopping_; });
}

}  // namespace weir::server

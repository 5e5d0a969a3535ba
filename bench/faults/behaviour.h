// How a node of the fault bench behaves, and what it does with one request. Shares are probabilities, 0 to 1;
// a request meets at most one of reset, status and cut. Checks (/healthz) are answered as fast as requests
// are, and well.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

namespace weir::bench {

struct Behaviour {
  double service_ms = 20;  // from a request's end to its answer, half as much more or less
  double slow = 1;         // times as long
  double slots = 0;     // requests at once, from their head to their answer; more wait unread. 0: any number
  double status = 500;  // what `status_share` of the requests are answered with
  double status_share = 0;
  double cut = 0;      // answers that end halfway, in one of five ways
  double reset = 0;    // requests that are read whole and answered by a reset
  double hole = 0;     // 1: all is read, nothing is answered
  double idle_ms = 0;  // a connection that lies idle so long is closed; 0: never
  double lose = 0;     // of requests that come after nine tenths of it: those that the close crosses
};

struct BehaviourKey {
  std::string_view name;
  double Behaviour::* value;
};

constexpr std::array kBehaviourKeys{
    BehaviourKey{"service_ms", &Behaviour::service_ms},
    BehaviourKey{"slow", &Behaviour::slow},
    BehaviourKey{"slots", &Behaviour::slots},
    BehaviourKey{"status", &Behaviour::status},
    BehaviourKey{"status_share", &Behaviour::status_share},
    BehaviourKey{"cut", &Behaviour::cut},
    BehaviourKey{"reset", &Behaviour::reset},
    BehaviourKey{"hole", &Behaviour::hole},
    BehaviourKey{"idle_ms", &Behaviour::idle_ms},
    BehaviourKey{"lose", &Behaviour::lose},
};

// A request's line: METHOD /ID/SIZE/FRAMING, framing is l (Content-Length) or c (chunked).
struct Asked {
  std::string id;
  std::size_t size = 0;
  bool chunked = false;
};

inline Asked read_target(std::string_view path) {
  Asked asked;
  std::size_t second = path.find('/', 1);
  asked.id = path.substr(1, second == std::string_view::npos ? second : second - 1);
  if (second == std::string_view::npos) return asked;
  for (char c : path.substr(second + 1)) {
    if (c >= '0' && c <= '9') asked.size = asked.size * 10 + static_cast<std::size_t>(c - '0');
    if (c == 'c') asked.chunked = true;
  }
  return asked;
}

// What is sent, and how the connection goes on behind it.
enum class After { kKeep, kClose, kReset };
struct Plan {
  std::string bytes;
  After after = After::kKeep;
};

// ID NODE SIZE and a line's end, and as many x as make it SIZE bytes: so who reads it knows whose it is and
// whether it is whole.
inline std::string answer_body(const Asked& asked, std::string_view node) {
  std::string body = asked.id + ' ' + std::string(node) + ' ' + std::to_string(asked.size) + '\n';
  body.resize(std::max(body.size(), asked.size), 'x');
  return body;
}

inline std::string in_chunks(std::string_view bytes) {
  std::array<char, 20> size;
  int n = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return std::string(size.data(), static_cast<std::size_t>(n)).append(bytes).append("\r\n");
}

inline Plan whole_answer(const Asked& asked, std::string_view node, int status, bool last) {
  std::string body = answer_body(asked, node);
  std::string head = "HTTP/1.1 " + std::to_string(status) + " As Told\r\nContent-Type: text/plain\r\n";
  if (last) head += "Connection: close\r\n";
  After after = last ? After::kClose : After::kKeep;
  if (!asked.chunked)
    return {head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, after};
  std::string_view half = std::string_view(body).substr(0, body.size() / 2);
  return {head + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(half) +
              in_chunks(std::string_view(body).substr(half.size())) + "0\r\n\r\n",
          after};
}

// Ways 0 to 4: by length and by chunks, each ended and reset; and one that has no length, reset. One without
// a length that is ended cannot be told from a whole one, by nobody.
inline Plan cut_answer(const Asked& asked, std::string_view node, unsigned way) {
  std::string body = answer_body(asked, node);
  std::string half = body.substr(0, body.size() / 2);
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
  After after = way % 2 == 0 ? After::kReset : After::kClose;
  if (way < 2) return {head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + half, after};
  if (way < 4) return {head + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(half), after};
  return {head + "Connection: close\r\n\r\n" + half, After::kReset};
}

}  // namespace weir::bench

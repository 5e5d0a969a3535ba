// What a client makes of the bytes of one answer: whole by its framing or not, and then whose it is by its
// body, which begins with ID NODE SIZE (behaviour.h). Read from the beginning each time, for answers are
// short.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace weir::bench {

enum class Framing { kMore, kWhole, kBad };

struct Answer {
  Framing framing = Framing::kMore;
  bool has_head = false;
  int status = 0;
  bool last = false;    // the connection ends behind it
  bool by_end = false;  // and only its end says where the body ends
  std::string body;
};

inline std::string lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return made;
}

// Of a head in lower case.
inline std::string_view value_of(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  std::string_view line = head.substr(at + name.size() + 3);
  line = line.substr(0, line.find("\r\n"));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line;
}

inline Framing read_chunks(std::string_view rest, std::string& body) {
  for (;;) {
    std::size_t line = rest.find("\r\n"), size = 0;
    if (line == std::string_view::npos) return Framing::kMore;
    if (std::from_chars(rest.data(), rest.data() + line, size, 16).ec != std::errc()) return Framing::kBad;
    rest.remove_prefix(line + 2);
    if (size == 0) return rest.find("\r\n") == std::string_view::npos ? Framing::kMore : Framing::kWhole;
    if (rest.size() < size + 2) return Framing::kMore;
    body.append(rest.substr(0, size));
    rest.remove_prefix(size + 2);
  }
}

// `ended`: the connection has been closed, in order, behind these bytes.
inline Answer read_answer(std::string_view bytes, bool ended) {
  Answer answer;
  std::size_t end_of_head = bytes.find("\r\n\r\n");
  if (end_of_head == std::string_view::npos) return answer;
  answer.has_head = true;
  std::string head = lower(bytes.substr(0, end_of_head + 2));
  std::string_view rest = bytes.substr(end_of_head + 4);
  if (!head.starts_with("http/1.") ||
      std::from_chars(head.data() + 9, head.data() + head.size(), answer.status).ec != std::errc()) {
    answer.framing = Framing::kBad;
    return answer;
  }
  std::string_view connection = value_of(head, "connection"), length = value_of(head, "content-length");
  answer.last = connection == "close" || (head.starts_with("http/1.0") && connection != "keep-alive");
  if (value_of(head, "transfer-encoding") == "chunked") {
    answer.framing = read_chunks(rest, answer.body);
  } else if (!length.empty()) {
    std::size_t size = 0;
    std::from_chars(length.data(), length.data() + length.size(), size);
    answer.body = rest.substr(0, size);
    answer.framing = rest.size() < size ? Framing::kMore : Framing::kWhole;
  } else {
    answer.body = rest;
    answer.last = answer.by_end = true;
    answer.framing = ended ? Framing::kWhole : Framing::kMore;
  }
  return answer;
}

// The first line of a body that a node made; a proxy's own page has none.
struct Told {
  bool is = false;
  std::string_view id, node;
  std::size_t size = 0;
};

inline Told read_told(std::string_view body) {
  std::string_view line = body.substr(0, body.find('\n'));
  std::size_t first = line.find(' '), second = line.rfind(' ');
  Told told;
  if (first == std::string_view::npos || second == first || line.size() == body.size()) return told;
  std::string_view size = line.substr(second + 1);
  auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), told.size);
  told.is = error == std::errc() && end == size.data() + size.size();
  told.id = line.substr(0, first);
  told.node = line.substr(first + 1, second - first - 1);
  return told;
}

// One word: ok; hidden, a 200 that looks whole and is not; crossed, another request's; or the status.
inline std::string judge_whole(const Answer& answer, const std::string& id, std::string& node) {
  Told told = read_told(answer.body);
  if (told.is) node = told.node;
  if (told.is && told.id != id) return "crossed";
  if (answer.status != 200) return std::to_string(answer.status);
  return told.is && answer.body.size() == told.size ? "ok" : "hidden";
}

}  // namespace weir::bench

#include "tests/sim/message_reader.h"

#include <algorithm>
#include <charconv>

namespace weir::sim {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Nothing that anybody could take for the end of it.
bool is_target(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

template <int kBase>
bool parse_number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, kBase);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string_view MessageHead::get(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (same(key, name)) return value;
  return {};
}

std::size_t MessageHead::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [name](const auto& field) { return same(field.first, name); }));
}

int MessageHead::status() const {
  std::uint64_t number = 0;
  return parse_number<10>(second, number) ? static_cast<int>(number) : 0;
}

void append_number(std::string& to, std::uint64_t value) {
  char text[20];
  to.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void MessageReader::fail(std::string_view why) {
  state_ = State::broken;
  problem_ = why;
}

bool MessageReader::read(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t used = bytes.size();
    switch (state_) {
      case State::head:
      case State::trailers:
        used = read_head(bytes);
        break;
      case State::counted:
      case State::chunk_data:
        used = std::min<std::uint64_t>(left_, bytes.size());
        left_ -= used;
        if (left_ == 0 && state_ == State::chunk_data) state_ = State::chunk_end;
        handler_.on_body(bytes.substr(0, used));
        if (left_ == 0 && state_ == State::counted) finish();
        break;
      case State::chunk_size:
      case State::chunk_end:
        used = read_line(bytes);
        break;
      case State::until_close:
      case State::tunnel:
        handler_.on_body(bytes);
        break;
      case State::stopped:
        return true;
      case State::broken:
        return false;
    }
    bytes.remove_prefix(used);
  }
  return state_ != State::broken;
}

// A line of the chunked coding; "" ends a chunk's data.
std::size_t MessageReader::read_line(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t used = end == std::string_view::npos ? bytes.size() : end + 1;
  held_.append(bytes.substr(0, used));
  if (held_.size() > 64) fail("a line of the chunked coding is too long");
  if (end == std::string_view::npos || state_ == State::broken) return used;
  std::string line = std::exchange(held_, {});
  if (!line.ends_with("\r\n")) {
    fail("a line of the chunked coding ends without CR LF");
  } else if (line.resize(line.size() - 2); state_ == State::chunk_size) {
    take_chunk_size(line);
  } else if (line.empty()) {
    state_ = State::chunk_size;
  } else {
    fail("a chunk is longer than it says");
  }
  return used;
}

void MessageReader::take_chunk_size(std::string_view line) {
  if (!parse_number<16>(line, left_)) return fail("a bad chunk size");
  state_ = left_ > 0 ? State::chunk_data : State::trailers;
}

// Heads and trailers: up to the empty line.
std::size_t MessageReader::read_head(std::string_view bytes) {
  const std::string_view end_mark = "\r\n\r\n";
  const bool is_trailers = state_ == State::trailers;
  if (held_.empty()) {
    if (is_trailers && bytes.starts_with("\r\n")) return take_head(""), 2;
    if (const std::size_t end = bytes.find(end_mark); end != std::string_view::npos)
      return take_head(bytes.substr(0, end + 2)), end + 4;
  }
  const std::size_t before = held_.size();
  held_.append(bytes);
  std::size_t size = 0;
  if (is_trailers && held_.starts_with("\r\n"))
    size = 2;
  else if (const std::size_t end = held_.find(end_mark, before > 3 ? before - 3 : 0);
           end != std::string::npos)
    size = end + 4;
  if (size == 0) {
    if (held_.size() > 1 << 18) fail("a head without an end");
    return bytes.size();
  }
  std::string text = std::exchange(held_, {});
  take_head(std::string_view(text).substr(0, size - 2));
  return size - before;
}

// `text`: its lines, each with its CR LF, without the empty one.
void MessageReader::take_head(std::string_view text) {
  const bool is_trailers = state_ == State::trailers;
  head_.fields.clear();
  head_.first = head_.second = head_.third = {};
  if (!parse(text)) return fail("a malformed head");
  if (!is_trailers) return begin_body();
  if (!head_.fields.empty()) handler_.on_trailers(head_);
  if (state_ == State::trailers) finish();
}

bool MessageReader::parse(std::string_view text) {
  bool start_line = state_ == State::head;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (!is_text(line)) return false;
    if (!(start_line ? parse_start_line(line) : parse_field(line))) return false;
    start_line = false;
  }
  return true;
}

bool MessageReader::parse_start_line(std::string_view line) {
  const std::size_t one = line.find(' ');
  if (one == std::string_view::npos) return false;
  const std::size_t two = std::min(line.find(' ', one + 1), line.size());
  head_.first = line.substr(0, one);
  head_.second = line.substr(one + 1, two - one - 1);
  head_.third = two < line.size() ? line.substr(two + 1) : std::string_view();
  const std::string_view version = side_ == Side::requests ? head_.third : head_.first;
  return version == "HTTP/1.1" || version == "HTTP/1.0";
}

bool MessageReader::parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_name(line.substr(0, colon))) return false;
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  head_.fields.emplace_back(line.substr(0, colon), value);
  return true;
}

// "" if there is none.
std::string_view MessageReader::problem_of_request() const {
  if (!is_name(head_.first)) return "a bad method";
  if (!is_target(head_.second)) return "a bad target";
  const std::size_t hosts = head_.count("Host");
  if (hosts > 1) return "more than one Host";
  if (hosts == 0 && head_.third == "HTTP/1.1") return "no Host";
  return {};
}

// "" if there is none; left_ is the Content-Length then, or 0.
std::string_view MessageReader::problem_of_length() {
  const bool response = side_ == Side::responses;
  const std::size_t lengths = head_.count("Content-Length"), codings = head_.count("Transfer-Encoding");
  if (lengths + codings > 1) return "its length is ambiguous";
  if (codings == 1 && !same(head_.get("Transfer-Encoding"), "chunked")) return "an unknown transfer coding";
  if (codings == 1 && (response ? head_.first : head_.third) == "HTTP/1.0") return "a coding under HTTP/1.0";
  const int status = response ? head_.status() : 0;
  if (response && (status < 200 || status == 204) && lengths + codings > 0)
    return "a length where there is no body";
  left_ = 0;
  if (lengths == 1 && !parse_number<10>(head_.get("Content-Length"), left_)) return "a bad length";
  return {};
}

void MessageReader::begin_body() {
  const bool response = side_ == Side::responses;
  const int status = response ? head_.status() : 0;
  if (response && (status < 100 || status > 999)) return fail("a bad status");
  if (!response)
    if (const std::string_view problem = problem_of_request(); !problem.empty()) return fail(problem);
  const bool interim = status >= 100 && status < 200 && status != 101;
  auto answers = Answers::other;
  if (response && !interim && expected_.empty() && unasked_ == Unasked::bad)
    return fail("a response to nothing");
  if (response && !interim && !expected_.empty()) {
    answers = expected_.front();
    expected_.pop_front();
  }
  if (const std::string_view problem = problem_of_length(); !problem.empty()) return fail(problem);
  const bool chunked = head_.count("Transfer-Encoding") > 0, counted = head_.count("Content-Length") > 0;
  const bool bodiless =
      interim || status == 101 || status == 204 || status == 304 || (response && answers == Answers::head);
  const State body = bodiless || (counted && left_ == 0) || (!chunked && !counted && !response) ? State::head
                     : chunked ? State::chunk_size
                     : counted ? State::counted
                               : State::until_close;
  state_ = body;
  handler_.on_head(head_);
  if (state_ == State::head && !interim) finish();
}

void MessageReader::finish() {
  state_ = State::head;
  handler_.on_message_end();
}

bool MessageReader::end() {
  if (state_ == State::until_close) {
    finish();
    return true;
  }
  return !inside_message() || state_ == State::tunnel || state_ == State::stopped;
}

}  // namespace weir::sim

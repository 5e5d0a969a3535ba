#include "tests/fuzz/told.h"

#include <algorithm>

namespace weir::fuzz {
namespace {

constexpr int kMostEmptyLines = 4;

struct Requests final : sim::MessageHandler {
  void on_head(const sim::MessageHead& head) override { told.requests.emplace_back(head); }
  void on_body(std::string_view bytes) override { told.requests.back().body.append(bytes); }
  void on_trailers(const sim::MessageHead&) override {}
  void on_message_end() override { told.requests.back().whole = true; }

  bool in_body() const { return !told.requests.empty() && !told.requests.back().whole; }

  Told told;
};

// HTTP/1.2 and on are to be read as 1.1 (RFC 9110 2.5).
bool has_later_minor(std::string_view start_line) {
  if (start_line.ends_with('\r')) start_line.remove_suffix(1);
  if (start_line.empty() || start_line.back() < '2' || start_line.back() > '9') return false;
  start_line.remove_suffix(1);
  return start_line.ends_with(" HTTP/1.");
}

// Of a chunk, behind its digits, where they are; with the CR.
std::string_view extensions(std::string_view chunk_line) {
  const std::size_t begin = chunk_line.find_first_not_of("0123456789abcdefABCDEF");
  if (begin == 0 || begin == std::string_view::npos) return {};
  chunk_line.remove_prefix(begin);
  const std::size_t mark = chunk_line.find_first_not_of(" \t");
  return mark != std::string_view::npos && chunk_line[mark] == ';' ? chunk_line : std::string_view();
}

bool is_plain(std::string_view extensions) {
  if (extensions.ends_with('\r')) extensions.remove_suffix(1);
  return std::all_of(extensions.begin(), extensions.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

// Goes byte by byte, so that the place is known where the reader gives up.
class Reading {
 public:
  explicit Reading(std::string_view bytes) : bytes_(bytes) {}
  Told read();

 private:
  bool pass_over();
  void pass_over_extensions();
  Told::End end_at_problem() const;
  bool in_body() const { return !told().requests.empty() && !told().requests.back().whole; }
  const Told& told() const { return requests_.told; }
  std::string_view line_at(std::size_t at) const {
    return bytes_.substr(at, std::min(bytes_.find('\n', at), bytes_.size()) - at);
  }

  const std::string_view bytes_;
  Requests requests_;
  sim::MessageReader reader_{sim::MessageReader::Side::requests, requests_};
  std::size_t at_ = 0, message_ = 0, line_ = 0;  // where they begin
  int empty_lines_ = 0;
};

Told Reading::read() {
  for (; at_ < bytes_.size(); ++at_) {
    if (at_ > 0 && bytes_[at_ - 1] == '\n') line_ = at_;
    if (pass_over()) continue;
    if (reader_.read(bytes_.substr(at_, 1))) continue;
    requests_.told.end = end_at_problem();
    break;
  }
  return std::move(requests_.told);
}

// Whether the byte belongs to an empty line.
bool Reading::pass_over() {
  if (reader_.before_chunk()) pass_over_extensions();
  if (reader_.inside_message()) return false;
  if (bytes_.substr(at_).starts_with("\r\n") && empty_lines_ < kMostEmptyLines) {
    ++empty_lines_;
    ++at_;
    return true;
  }
  empty_lines_ = 0;
  message_ = at_;
  return false;
}

// Where a whole line has some; its end comes next.
void Reading::pass_over_extensions() {
  std::string_view rest = extensions(line_at(at_));
  if (!rest.ends_with('\r') || !is_plain(rest)) return;
  const std::size_t digits = line_at(at_).size() - rest.size();
  reader_.read(bytes_.substr(at_, digits));
  at_ += digits + rest.size() - 1;
}

Told::End Reading::end_at_problem() const {
  if (!in_body()) return has_later_minor(line_at(message_)) ? Told::End::repaired : Told::End::bad;
  // Only the line's length was too much so far; Weir may wait for its end.
  if (bytes_.find('\n', line_) == std::string_view::npos) return Told::End::open;
  return extensions(line_at(line_)).ends_with('\r') ? Told::End::repaired : Told::End::bad;
}

}  // namespace

Told read_strictly(std::string_view bytes) {
  return Reading(bytes).read();
}

}  // namespace weir::fuzz

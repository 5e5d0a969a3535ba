#include "tests/fuzz/told.h"

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

std::string_view line_at(std::string_view bytes, std::size_t at) {
  return bytes.substr(at, bytes.find('\n', at) - at);
}

// HTTP/1.2 and on are to be read as 1.1 (RFC 9110 2.5).
bool has_later_minor(std::string_view start_line) {
  if (start_line.ends_with('\r')) start_line.remove_suffix(1);
  if (start_line.empty() || start_line.back() < '2' || start_line.back() > '9') return false;
  start_line.remove_suffix(1);
  return start_line.ends_with(" HTTP/1.");
}

// Extensions of a chunk are to be passed over (RFC 9112 7.1.1).
bool may_have_extensions(std::string_view chunk_line) {
  return chunk_line.find(';') != std::string_view::npos;
}

}  // namespace

// Byte by byte, so that the place is known where the reader gives up.
Told read_strictly(std::string_view bytes) {
  Requests requests;
  sim::MessageReader reader(sim::MessageReader::Side::requests, requests);
  std::size_t message = 0, line = 0;  // where they begin
  int empty_lines = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (!reader.inside_message()) {
      if (bytes.substr(at).starts_with("\r\n") && empty_lines < kMostEmptyLines) {
        ++empty_lines;
        ++at;
        continue;
      }
      empty_lines = 0;
      message = at;
    }
    if (at > 0 && bytes[at - 1] == '\n') line = at;
    if (reader.read(bytes.substr(at, 1))) continue;
    // Only its length was too much so far; Weir may wait for its end.
    if (requests.in_body() && bytes.find('\n', line) == std::string_view::npos) break;
    const bool repaired = requests.in_body() ? may_have_extensions(line_at(bytes, line))
                                             : has_later_minor(line_at(bytes, message));
    requests.told.end = repaired ? Told::End::repaired : Told::End::bad;
    break;
  }
  return std::move(requests.told);
}

}  // namespace weir::fuzz

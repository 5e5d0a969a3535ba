// Every hostile response of tests/corpus/responses straight through H1Client and H1Server, whole and in
// pieces.
#include <algorithm>
#include <sstream>

#include "tests/unit/catch.h"
#include "tests/unit/codec/corpus.h"
#include "tests/unit/codec/relay_rig.h"

using namespace weir::codec;

namespace {

bool is_as(const ResponseRelay& relay, const std::string& verdict) {
  if (verdict == "cut") return relay.head.status != 0 && !relay.ended;
  if (verdict == "502" && relay.head.status == 0) return !relay.ended;  // what the exchange makes of it
  if (verdict == "504") return relay.head.status == 0 && !relay.failed;
  const std::size_t space = verdict.find(' ');
  if (!relay.ended || relay.head.status != std::stoi(verdict.substr(0, space))) return false;
  return space == verdict.npos || relay.body == unescape(std::string_view(verdict).substr(space + 1));
}

std::string told_interims(const ResponseRelay& relay) {
  std::string text;
  for (int status : relay.interims) text += (text.empty() ? "" : " ") + std::to_string(status);
  return text;
}

std::vector<std::pair<std::string, std::string>> fields_for_client(const ResponseRelay& relay) {
  std::vector<std::pair<std::string, std::string>> fields;
  const std::size_t final_head = relay.wire.rfind("HTTP/1.1 " + std::to_string(relay.head.status));
  std::istringstream lines(relay.wire.substr(final_head));
  for (std::string line; std::getline(lines, line) && line != "\r";)
    if (const std::size_t colon = line.find(": "); colon != line.npos)
      fields.emplace_back(line.substr(0, colon), line.substr(colon + 2, line.size() - colon - 3));
  if (relay.wire.find("Transfer-Encoding: chunked") == std::string::npos) return fields;
  relay.trailers.for_each(
      [&](const weir::http::Field& field) { fields.emplace_back(field.name, field.value); });
  return fields;
}

void check_fields(const Case& entry, const ResponseRelay& relay) {
  using weir::http::same_name;
  const auto fields = fields_for_client(relay);
  for (const std::string& note : entry.all("lacks")) {
    const std::size_t equals = std::min(note.find('='), note.size());
    for (const auto& [name, value] : fields) {
      INFO(note << " in " << name << ": " << value);
      CHECK_FALSE((same_name(name, note.substr(0, equals)) &&
                   (equals == note.size() || value.find(note.substr(equals + 1)) != value.npos)));
    }
  }
  for (const std::string& note : entry.all("has")) {
    const std::string name = note.substr(0, note.find(':'));
    const std::string value = note.size() > name.size() + 2 ? as_bytes(note.substr(name.size() + 2)) : "";
    INFO("wanted " << note << " in " << relay.wire);
    CHECK(std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      return same_name(field.first, name) && field.second == value;
    }));
  }
}

void replay_answer(const Case& entry, std::size_t piece) {
  const std::string request = entry.get("request", "GET 1.1");
  const std::size_t space = request.find(' ');
  ResponseRelay relay(request.substr(0, space), request.substr(space + 1));
  for (std::string_view rest = entry.bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    relay.read(rest.substr(0, piece));
  const std::string end = entry.get("end", "keep");
  if (end == "fin") relay.read_end();
  if (end == "rst") relay.read_error();

  INFO(entry.file << ": " << entry.name << ", in pieces of " << piece);
  INFO("got " << relay.head.status
              << (relay.ended    ? " whole "
                  : relay.failed ? " failed "
                                 : " waiting ")
              << relay.body.substr(0, 80));
  auto verdicts = entry.all("client");
  if (verdicts.empty()) verdicts.emplace_back("502");
  CHECK(std::any_of(verdicts.begin(), verdicts.end(),
                    [&](const std::string& text) { return is_as(relay, text); }));
  const std::string interim = entry.get("interim", "");
  if (interim != "any" && request.ends_with("1.1")) CHECK(told_interims(relay) == interim);
  if (relay.ended) check_fields(entry, relay);
  const std::string reuse = entry.get("reuse", "no");
  if (reuse == "yes") CHECK(relay.client().reusable());
  if (reuse == "no") CHECK_FALSE(relay.client().reusable());
}

}  // namespace

TEST_CASE("the corpus of responses is there") {
  CHECK(read_corpus("responses").size() >= 50);
}

TEST_CASE("hostile responses get their verdicts whole") {
  for (const Case& entry : read_corpus("responses")) replay_answer(entry, entry.bytes.size() + 1);
}

TEST_CASE("hostile responses get their verdicts in pieces") {
  for (const Case& entry : read_corpus("responses"))
    for (std::size_t piece : {1, 2, 3, 5, 16, 61, 1000})
      if (entry.bytes.size() / piece < 20000) replay_answer(entry, piece);
}

TEST_CASE("hostile responses get their verdicts split in two anywhere") {
  for (const Case& entry : read_corpus("responses"))
    if (entry.bytes.size() < 300)
      for (std::size_t piece = (entry.bytes.size() + 1) / 2; piece < entry.bytes.size(); ++piece)
        replay_answer(entry, piece);
}

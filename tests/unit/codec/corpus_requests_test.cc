// Every hostile request of tests/corpus/requests straight through H1Server and H1Client, whole and in pieces:
// the verdicts of the corpus, what the node would see, and that nothing hop-by-hop is passed on.
#include <algorithm>
#include <sstream>

#include "tests/unit/catch.h"
#include "tests/unit/codec/corpus.h"
#include "tests/unit/codec/relay_rig.h"

using namespace weir::codec;

namespace {

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t end; (end = text.find(separator)) != text.npos; text.remove_prefix(end + separator.size()))
    parts.emplace_back(text.substr(0, end));
  parts.emplace_back(text);
  return parts;
}

std::vector<std::string> answers_of(const Case& entry) {
  auto answers = entry.all("answer");
  if (answers.empty()) answers.emplace_back("400");
  return answers;
}

bool names(const std::string& answer, int status) {
  std::istringstream words(answer);
  for (std::string word; words >> word;)
    if (word == std::to_string(status)) return true;
  return false;
}

// What has not been answered when all bytes are there is answered by the clock.
void time_out(RequestRelay& relay) {
  if (relay.server().in_head())
    relay.server().refuse_head({weir::base::Reason::client_timeout, weir::base::Fault::downstream,
                                weir::base::Retry::never, 408, ""});
  else if (relay.server().in_stream())
    relay.answer(408);
}

void check_answers(const Case& entry, const RequestRelay& relay) {
  const auto answers = answers_of(entry);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    INFO("answer " << i << ", wanted " << answers[i]);
    if (i >= relay.statuses.size()) {
      CHECK(answers[i].find("none") != std::string::npos);
      return;
    }
    INFO("got " << relay.statuses[i]);
    CHECK(names(answers[i], relay.statuses[i]));
    if (relay.statuses[i] != 200) return;
  }
  CHECK(relay.statuses.size() == answers.size());
}

bool is_as(const Relayed& seen, const std::string& text) {
  const auto parts = split(text, " ");
  if (parts[0] != seen.head.method_text || unescape(parts[1]) != seen.head.target) return false;
  return parts.size() < 3 ||
         unescape(std::string_view(text).substr(parts[0].size() + parts[1].size() + 2)) == seen.body;
}

void check_node(const Case& entry, const RequestRelay& relay) {
  std::vector<const Relayed*> whole;
  for (const Relayed& seen : relay.seen) {
    if (seen.ended)
      whole.push_back(&seen);
    else if (!seen.wire.empty())
      CHECK((entry.get("partial", "no") == "yes" || relay.statuses.back() == 413));
  }
  const auto answered =
      static_cast<std::size_t>(std::count(relay.statuses.begin(), relay.statuses.end(), 200));
  CHECK(whole.size() == answered);
  const auto wanted = entry.all("node");
  for (std::size_t i = 0; i < whole.size() && i < wanted.size(); ++i) {
    INFO("node saw " << whole[i]->head.method_text << " " << whole[i]->head.target << " " << whole[i]->body);
    const auto alternatives = split(wanted[i], " | ");
    CHECK(std::any_of(alternatives.begin(), alternatives.end(),
                      [&](const std::string& text) { return is_as(*whole[i], text); }));
  }
}

// The field lines of a message's head and trailers as they were written, names in lower case.
std::vector<std::pair<std::string, std::string>> written_fields(const std::string& wire,
                                                                const std::string& trailers) {
  std::vector<std::pair<std::string, std::string>> fields;
  auto lines = split(wire.substr(0, wire.find("\r\n\r\n")), "\r\n");
  lines.erase(lines.begin());
  for (std::string& line : lines) {
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != line.npos);
    fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  if (!trailers.empty())
    for (const std::string& line : split(trailers, "|"))
      fields.emplace_back(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
  return fields;
}

void check_fields(const Case& entry, const Relayed& seen) {
  const auto fields = written_fields(seen.wire, seen.trailers);
  for (const std::string& note : entry.all("lacks")) {
    const auto parts = split(note, "=");
    for (const auto& [name, value] : fields) {
      INFO(note << " in " << name << ": " << value);
      CHECK_FALSE((weir::http::same_name(name, parts[0]) &&
                   (parts.size() == 1 || value.find(parts[1]) != value.npos)));
    }
  }
  for (const std::string& note : entry.all("has")) {
    const std::string name = note.substr(0, note.find(':'));
    const std::string value = note.size() > name.size() + 2 ? as_bytes(note.substr(name.size() + 2)) : "";
    INFO("wanted " << note << " in " << seen.wire);
    CHECK(std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      return weir::http::same_name(field.first, name) && field.second == value;
    }));
  }
}

// RFC 9110 7.6.1: what stands in a forwarded head about this hop is Weir's own, and only what it may say.
void check_no_hop_by_hop(const Relayed& seen) {
  std::size_t transfer_encodings = 0, lengths = 0, hosts = 0;
  for (const auto& [name, value] : written_fields(seen.wire, "")) {
    INFO(name << ": " << value);
    using weir::http::same_name;
    CHECK_FALSE(same_name(name, "Keep-Alive"));
    CHECK_FALSE(same_name(name, "Proxy-Connection"));
    CHECK_FALSE(same_name(name, "HTTP2-Settings"));
    if (same_name(name, "Connection")) CHECK((value == "TE" || value == "Upgrade"));
    if (same_name(name, "TE")) CHECK(value == "trailers");
    if (same_name(name, "Upgrade")) CHECK((!value.empty() && value.find("h2c") == value.npos));
    if (same_name(name, "Transfer-Encoding")) CHECK((++transfer_encodings && value == "chunked"));
    lengths += same_name(name, "Content-Length");
    hosts += same_name(name, "Host");
  }
  CHECK(transfer_encodings + lengths <= 1);
  CHECK(hosts == 1);
}

void replay_request(const Case& entry, std::size_t piece) {
  RequestRelay relay;
  for (std::string_view rest = entry.bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    relay.read(rest.substr(0, piece));
  if (relay.statuses.size() < answers_of(entry).size()) time_out(relay);
  INFO(entry.file << ": " << entry.name << ", in pieces of " << piece);
  check_answers(entry, relay);
  check_node(entry, relay);
  for (const Relayed& seen : relay.seen)
    if (!seen.wire.empty()) check_no_hop_by_hop(seen);
  if (!relay.seen.empty() && relay.seen[0].ended) check_fields(entry, relay.seen[0]);
  const int last = relay.statuses.empty() ? 0 : relay.statuses.back();
  const std::string then = entry.get("then", last == 200 ? "open" : last == 400 ? "close" : "any");
  if (then == "open") CHECK(relay.server().next() == Next::keep);
  if ((then == "close" || then == "gone") && last != 408) CHECK(relay.server().next() == Next::linger);
}

}  // namespace

TEST_CASE("the corpus of requests is there") {
  CHECK(read_corpus("requests").size() >= 150);
}

TEST_CASE("hostile requests get their verdicts whole") {
  for (const Case& entry : read_corpus("requests")) replay_request(entry, entry.bytes.size() + 1);
}

TEST_CASE("hostile requests get their verdicts in pieces") {
  for (const Case& entry : read_corpus("requests"))
    for (std::size_t piece : {1, 2, 3, 5, 16, 61, 1000})
      if (entry.bytes.size() / piece < 20000) replay_request(entry, piece);
}

TEST_CASE("hostile requests get their verdicts split in two anywhere") {
  for (const Case& entry : read_corpus("requests"))
    if (entry.bytes.size() < 300)
      for (std::size_t piece = (entry.bytes.size() + 1) / 2; piece < entry.bytes.size(); ++piece)
        replay_request(entry, piece);
}

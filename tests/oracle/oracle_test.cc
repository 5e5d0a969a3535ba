// Whatever Weir takes and writes again is read by llhttp as exactly one message, the same that Weir read:
// then no node, and no client, sees a message that Weir did not see. And what Weir broke off, llhttp does not
// find whole.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/oracle/llhttp_reader.h"
#include "tests/oracle/mutation.h"
#include "tests/unit/catch.h"
#include "tests/unit/codec/corpus.h"
#include "tests/unit/codec/relay_rig.h"
#include "tests/unit/codec/transcript.h"

using namespace weir::codec;
using namespace weir::oracle;

namespace {

constexpr std::uint32_t kMutations = 50000;
constexpr std::size_t kMostBytes = 4000;  // of a case that is mutated

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Without the framing and hop fields, which Weir makes anew.
Pairs end_to_end(const Pairs& fields) {
  Pairs kept;
  for (const auto& field : fields) {
    const auto is = [&](std::string_view name) { return weir::http::same_name(field.first, name); };
    if (!is("Host") && !is("Content-Length") && !is("Transfer-Encoding") && !is("Connection") && !is("TE") &&
        !is("Upgrade") && !is("Expect"))
      kept.push_back(field);
  }
  return kept;
}

Pairs pairs(const weir::http::Fields& fields) {
  Pairs all;
  fields.for_each([&](const weir::http::Field& field) { all.emplace_back(field.name, field.value); });
  return all;
}

std::string told(const Pairs& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    text.append(text.empty() ? "" : "|").append(name).append("=").append(value);
  return text;
}

// llhttp knows some methods only; another one of the same shape is put in place of those it does not know.
std::string with_known_method(const Relayed& seen) {
  return knows_method(seen.head.method_text) && seen.head.method_text != "PRI"
             ? seen.wire
             : "POST" + seen.wire.substr(seen.head.method_text.size());
}

std::string field_of(const Pairs& fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (weir::http::same_name(key, name)) return value;
  return "(none)";
}

void check_request(const Relayed& seen) {
  const Reading reading = read_requests(with_known_method(seen));
  INFO("Weir wrote\n" << seen.wire);
  REQUIRE(reading.error == "");
  REQUIRE(reading.messages.size() == 1);
  const Message& message = reading.messages[0];
  CHECK(message.complete == seen.ended);
  if (!seen.ended) return;
  if (knows_method(seen.head.method_text)) CHECK(message.method == seen.head.method_text);
  CHECK(message.target == seen.head.target);
  CHECK(field_of(message.fields, "Host") == seen.head.authority);
  CHECK(end_to_end(message.fields) == pairs(seen.head.fields));
  CHECK(message.body == seen.body);
  CHECK(told(message.trailers) == seen.trailers);
}

// All that one connection brings: each request as it would go to a node.
void check_requests(std::string_view bytes, std::size_t piece) {
  RequestRelay relay;
  for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    relay.read(rest.substr(0, piece));
  for (const Relayed& seen : relay.seen)
    if (!seen.wire.empty()) check_request(seen);
}

void check_response(std::string_view method, std::string_view version, std::string_view bytes,
                    std::size_t piece, bool fin) {
  ResponseRelay relay(method, version);
  for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    relay.read(rest.substr(0, piece));
  if (fin) relay.read_end();
  if (relay.wire.empty()) return;
  INFO("Weir wrote\n" << relay.wire);
  const Reading reading = read_responses(relay.wire, method);
  const bool by_close = version == "1.0" && !relay.ended;  // such a cut shows in how the connection ends
  if (!by_close) REQUIRE(reading.error == "");
  const std::size_t interims = version == "1.0" ? 0 : relay.interims.size();
  REQUIRE(reading.messages.size() == interims + (relay.head.status != 0));
  for (std::size_t i = 0; i < interims; ++i) {
    CHECK(reading.messages[i].status == relay.interims[i]);
    CHECK(reading.messages[i].complete);
  }
  if (relay.head.status == 0) return;
  const Message& message = reading.messages.back();
  CHECK(message.status == relay.head.status);
  CHECK(end_to_end(message.fields) == end_to_end(pairs(relay.head.fields)));
  if (by_close) return;
  CHECK(message.complete == relay.ended);
  if (!relay.ended) return;
  CHECK(message.body == relay.body);
  if (version == "1.1" && field_of(message.fields, "Transfer-Encoding") == "chunked" && method != "HEAD" &&
      relay.head.status != 204 && relay.head.status != 304)
    CHECK(message.trailers == pairs(relay.trailers));
}

// The inputs of a fuzz target, without the bytes that tell it how to use the rest.
std::vector<std::string> fuzzed(const char* target, std::size_t prefix) {
  std::vector<std::string> all;
  const auto folder = std::filesystem::path(WEIR_SOURCE_DIR) / "tests/fuzz/corpus" / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    all.push_back(bytes.substr(std::min(prefix, bytes.size())));
  }
  REQUIRE_FALSE(all.empty());
  return all;
}

}  // namespace

TEST_CASE("the oracle reads what is fine and refuses what is not") {
  const Reading two = read_requests(
      "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n");
  CHECK(two.error == "");
  REQUIRE(two.messages.size() == 2);
  CHECK(told(two.messages[0].fields) == "Host=a|X=");
  CHECK(two.messages[1].body == "hi");
  CHECK(told(two.messages[1].trailers) == "X-T=1");
  CHECK(read_requests("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
            .error != "");
  CHECK_FALSE(
      read_requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx").messages.at(0).complete);
  CHECK(read_responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").messages.at(0).complete);
}

TEST_CASE("llhttp reads every request of the corpus as Weir does") {
  for (const Case& entry : read_corpus("requests"))
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, entry.bytes.size() + 1}) {
      INFO(entry.file << ": " << entry.name << ", in pieces of " << piece);
      if (entry.bytes.size() / piece < 20000) check_requests(entry.bytes, piece);
    }
}

TEST_CASE("llhttp reads every response of the corpus as Weir does") {
  for (const Case& entry : read_corpus("responses"))
    for (std::string_view version : {"1.1", "1.0"})
      for (std::size_t piece : {std::size_t{1}, std::size_t{7}, entry.bytes.size() + 1}) {
        INFO(entry.file << ": " << entry.name << ", in pieces of " << piece);
        const std::string request = entry.get("request", "GET 1.1");
        if (entry.bytes.size() / piece < 20000)
          check_response(request.substr(0, request.find(' ')), version, entry.bytes, piece,
                         entry.get("end", "keep") == "fin");
      }
}

TEST_CASE("llhttp reads mutated requests as Weir does") {
  auto cases = read_corpus("requests");
  std::erase_if(cases, [](const Case& entry) { return entry.bytes.size() > kMostBytes; });
  for (std::uint32_t seed = 0; seed < kMutations; ++seed) {
    Mutation mutation(seed);
    const std::string bytes =
        mutation.of(cases[mutation.below(cases.size())].bytes, cases[mutation.below(cases.size())].bytes);
    INFO("seed " << seed << "\nbytes\n" << bytes);
    check_requests(bytes, 1 + mutation.below(2 * bytes.size() + 1));
  }
}

TEST_CASE("llhttp reads mutated responses as Weir does") {
  auto cases = read_corpus("responses");
  std::erase_if(cases, [](const Case& entry) { return entry.bytes.size() > kMostBytes; });
  for (std::uint32_t seed = 0; seed < kMutations; ++seed) {
    Mutation mutation(seed);
    const std::string bytes =
        mutation.of(cases[mutation.below(cases.size())].bytes, cases[mutation.below(cases.size())].bytes);
    INFO("seed " << seed << "\nbytes\n" << bytes);
    check_response(mutation.below(8) == 0 ? "HEAD" : "GET", mutation.below(8) == 0 ? "1.0" : "1.1", bytes,
                   1 + mutation.below(2 * bytes.size() + 1), mutation.below(2) == 0);
  }
}

TEST_CASE("llhttp reads what fuzzing came up with as Weir does") {
  for (const char* target : {"h1_request", "downstream", "differential"})
    for (const std::string& bytes : fuzzed(target, 1)) {
      INFO(target << "\nbytes\n" << bytes);
      check_requests(bytes, bytes.size() + 1);
    }
  for (const auto& [target, prefix] : {std::pair{"h1_response", 1}, {"upstream", 2}, {"probe", 2}})
    for (const std::string& bytes : fuzzed(target, static_cast<std::size_t>(prefix)))
      for (const char* method : {"GET", "HEAD"}) {
        INFO(target << ", to " << method << "\nbytes\n" << bytes);
        check_response(method, "1.1", bytes, bytes.size() + 1, true);
      }
}

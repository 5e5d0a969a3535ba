// gRPC's health checking protocol.
#include "health/grpc_health.h"

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

using Word = GrpcHealthAnswer::Word;
using namespace std::string_view_literals;

Word word_of(std::string_view answer) {
  GrpcHealthAnswer whole, piecewise;
  whole.see(answer);
  for (std::size_t i = 0; i < answer.size(); ++i) piecewise.see(answer.substr(i, 1));
  CHECK(whole.word() == piecewise.word());
  return whole.word();
}

}  // namespace

TEST_CASE("a service is asked after") {
  CHECK(grpc_health_request("") == "\0\0\0\0\0"sv);
  CHECK(grpc_health_request("a.B") == "\0\0\0\0\5\n\3a.B"sv);
  CHECK(grpc_health_request(std::string(127, 'x')).size() == 5 + 2 + 127);
}

TEST_CASE("an answer has a word") {
  CHECK(word_of("\0\0\0\0\2\x08\1"sv) == Word::serving);
  CHECK(word_of("\0\0\0\0\2\x08\2"sv) == Word::not_serving);
  CHECK(word_of("\0\0\0\0\2\x08\3"sv) == Word::service_unknown);
  CHECK(word_of("\0\0\0\0\2\x08\0"sv) == Word::unknown);
  CHECK(word_of("\0\0\0\0\0"sv) == Word::unknown);
  CHECK(word_of("\0\0\0\0\3\x08\x81\1"sv) == Word::unknown);            // a status that nobody knows yet
  CHECK(word_of("\0\0\0\0\4\x12\0\x08\1"sv) == Word::serving);          // a field that nobody knows yet
  CHECK(word_of("\0\0\0\0\x0b\x19........\x08\1"sv) == Word::serving);  // likewise
  CHECK(word_of("\0\0\0\0\7\x1d....\x08\1"sv) == Word::serving);        // likewise
}

TEST_CASE("what is no answer has none") {
  for (const std::string_view answer :
       {""sv, "\0\0\0\0"sv, "\1\0\0\0\2\x08\1"sv, "\0\0\0\0\3\x08\1"sv, "\0\0\0\0\1\x08\1"sv,
        "\0\0\0\0\1\x08"sv, "\0\0\0\0\2\x12\5"sv, "\0\0\0\0\2\x0b\1"sv, "\0\xff\xff\xff\xff"sv, "<html>"sv,
        "\0\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"sv})
    CHECK(word_of(answer) == Word::none);
  CHECK(word_of(std::string("\0\0\0\7\xfb", 5) + std::string(2043, '\x08')) == Word::none);  // too long
}

}  // namespace weir::health

// The codecs alone: the same bytes in other pieces are the same events, answers and end.
#include "tests/fuzz/target.h"
#include "tests/unit/codec/client_rig.h"
#include "tests/unit/codec/relay_rig.h"
#include "tests/unit/codec/server_rig.h"

namespace weir::fuzz {
namespace {

constexpr std::size_t kWhole = 1 << 30;
constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "OPTIONS"};

// A request that is wrong in two ways may be refused for either.
std::string served(std::string_view bytes, std::size_t piece) {
  codec::ServerRig rig(codec::ServerRig::Answers::at_end, {.head = 4096, .fields = 20, .start_line = 512});
  rig.read_in_pieces(bytes, piece);
  rig.read_end();
  std::string log = "\n" + rig.log.text(), wire = rig.wire;
  if (!rig.statuses.empty() && rig.statuses.back() != 200) {  // its line is the last one
    log.resize(log.rfind('\n', log.size() - 2));
    wire.resize(wire.rfind("HTTP/1.1 "));
  }
  return log + wire + (rig.codec.next() == codec::Next::linger ? "linger" : "other");
}

void h1_request(std::string_view bytes) {
  const std::size_t piece = 1 + take_byte(bytes) % 64;
  must(served(bytes, kWhole) == served(bytes, piece), "requests that depend on how they are cut");
  codec::RequestRelay relay;
  relay.read(bytes);
  for (const codec::Relayed& seen : relay.seen)
    must(seen.wire.empty() == (seen.wire.find("\r\n\r\n") == seen.wire.npos), "half a head for a node");
}

std::string received(std::string_view method, std::string_view bytes, std::size_t piece) {
  codec::ClientRig rig({.head = 4096, .fields = 20});
  rig.ask(method, "/");
  rig.read_in_pieces(bytes, piece);
  rig.read_end();
  return rig.log.text();
}

void h1_response(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  const std::string_view method = kMethods[how % 4];
  must(received(method, bytes, kWhole) == received(method, bytes, 1 + how / 4),
       "answers that depend on how they are cut");
  codec::ResponseRelay relay(method, how % 2 == 0 ? "1.1" : "1.0");
  relay.read(bytes);
  relay.read_end();
  must(!relay.ended || relay.head.status >= 200, "an end without a final head");
}

const Target kRequest("h1_request", h1_request);
const Target kResponse("h1_response", h1_response);

}  // namespace
}  // namespace weir::fuzz

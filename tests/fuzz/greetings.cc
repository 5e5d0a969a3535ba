// What a connection begins with, which is read before anybody knows what it carries: the header of the PROXY
// protocol, and the first message of a TLS client.
#include <algorithm>
#include <string>
#include <utility>

#include "proxy/codec/proxy_header.h"
#include "proxy/tls/client_hello.h"
#include "tests/fuzz/target.h"

namespace weir::fuzz {
namespace {

using codec::ProxyHeader;
using codec::ProxyHeaderReader;
using codec::ProxyVersion;

struct Greeting {
  ProxyHeaderReader::State state = ProxyHeaderReader::State::more;
  ProxyHeader header{};
  std::size_t size = 0;  // bytes of it

  bool operator==(const Greeting& other) const {
    if (state != other.state) return false;
    return state != ProxyHeaderReader::State::done ||
           (header.kind == other.header.kind && header.source == other.header.source &&
            header.destination == other.header.destination && size == other.size);
  }
};

Greeting greeting_of(std::string_view bytes, ProxyHeaderReader::Takes takes, std::size_t piece) {
  ProxyHeaderReader reader(takes);
  Greeting greeting;
  while (greeting.state == ProxyHeaderReader::State::more && !bytes.empty()) {
    const std::string own(bytes.substr(0, piece));  // in memory of just its size
    std::string_view part = own;
    bytes.remove_prefix(own.size());
    greeting.state = reader.read(part);
    greeting.size += own.size() - part.size();
  }
  greeting.header = reader.header();
  return greeting;
}

void proxy_header(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  const auto takes = static_cast<ProxyHeaderReader::Takes>(how % 3);
  const Greeting whole = greeting_of(bytes, takes, bytes.size());
  must(whole == greeting_of(bytes, takes, 1 + how / 3), "a header that depends on how it is cut");
  if (whole.state != ProxyHeaderReader::State::done || whole.header.kind != ProxyHeader::Kind::addresses)
    return;
  for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
    const std::string written = codec::proxy_header(version, whole.header.source, whole.header.destination);
    const Greeting again = greeting_of(written, ProxyHeaderReader::Takes::any, written.size());
    must(again.state == whole.state && again.header.kind == whole.header.kind &&
             again.header.source == whole.header.source &&
             again.header.destination == whole.header.destination && again.size == written.size(),
         "a header that does not read back");
  }
}

std::string name_in_pieces(std::string_view bytes, std::size_t piece) {
  tls::ClientHello hello;
  auto state = tls::ClientHello::State::more;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const std::string own(bytes.substr(0, piece));
    const auto before = std::exchange(state, hello.read(own));
    must(before == tls::ClientHello::State::more || state == before, "a message that goes on after its end");
  }
  const char over = state == tls::ClientHello::State::over ? '!' : '?';
  return over + hello.server_name();
}

void client_hello(std::string_view bytes) {
  const std::size_t piece = 1 + take_byte(bytes) % 64;
  const std::string name = name_in_pieces(bytes, std::max<std::size_t>(bytes.size(), 1));
  must(name == name_in_pieces(bytes, piece), "a name that depends on how its message is cut");
  must(
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.", 1) == name.npos && name.size() <= 255,
      "a name that no host could have");
}

const Target kProxyHeader("proxy_header", proxy_header);
const Target kClientHello("client_hello", client_hello);

}  // namespace
}  // namespace weir::fuzz

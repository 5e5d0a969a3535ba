#include "proxy/codec/proxy_header.h"

#include <array>
#include <vector>

#include "proxy/codec/crc32c.h"
#include "tests/unit/catch.h"

using namespace weir::codec;
using namespace std::string_view_literals;
using HeaderKind = ProxyHeader::Kind;
using HeaderState = ProxyHeaderReader::State;
using HeaderTakes = ProxyHeaderReader::Takes;

namespace {

constexpr std::string_view kBinarySignature = "\r\n\r\n\0\r\nQUIT\n"sv;

struct ReadHeader {
  HeaderState state = HeaderState::more;
  ProxyHeader header{};
  std::string rest{};  // bytes that are not the header's
};

ReadHeader read_in(std::string_view text, std::size_t piece, HeaderTakes takes = HeaderTakes::any) {
  ProxyHeaderReader reader(takes);
  ReadHeader read;
  while (read.state == HeaderState::more && !text.empty()) {
    std::string_view part = text.substr(0, piece);
    text.remove_prefix(part.size());
    read.state = reader.read(part);
    read.rest = part;
  }
  read.header = reader.header();
  read.rest += text;
  return read;
}

// The same however it is cut in two, and byte by byte.
ReadHeader read_header(std::string_view text, HeaderTakes takes = HeaderTakes::any) {
  const ReadHeader whole = read_in(text, text.size(), takes);
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    ProxyHeaderReader reader(takes);
    std::string_view first = text.substr(0, cut), second = text.substr(cut);
    HeaderState state = reader.read(first);
    if (state == HeaderState::more && !second.empty()) state = reader.read(second);
    CHECK(state == whole.state);
    if (state == HeaderState::done) CHECK(std::string(first) + std::string(second) == whole.rest);
  }
  const ReadHeader single = read_in(text, 1, takes);
  CHECK(single.state == whole.state);
  CHECK(single.header.kind == whole.header.kind);
  CHECK(single.header.source == whole.header.source);
  if (whole.state == HeaderState::done) CHECK(single.rest == whole.rest);
  return whole;
}

HeaderState header_state(std::string_view text, HeaderTakes takes = HeaderTakes::any) {
  return read_header(text, takes).state;
}

weir::io::IpPort end_at(std::string_view ip, std::uint16_t port) {
  return {weir::io::Ip::parse(ip).value(), port};
}

std::string binary_header(unsigned command, unsigned family, std::string_view block) {
  std::string header(kBinarySignature);
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(block.size() >> 8);
  header += static_cast<char>(block.size() & 0xff);
  return header.append(block);
}

constexpr std::string_view kFourEnds =
    "\x0a\x00\x00\x01\x0a\x00\x00\x02\x04\xd2\x00\x50"sv;  // 10.0.0.1:1234, 10.0.0.2:80

}  // namespace

TEST_CASE("a line of version 1 tells both ends, and what follows it is left") {
  const auto read = read_header("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET / HTTP/1.1\r\n");
  CHECK(read.state == HeaderState::done);
  CHECK(read.header.kind == HeaderKind::addresses);
  CHECK(read.header.source == end_at("192.0.2.1", 56324));
  CHECK(read.header.destination == end_at("198.51.100.7", 443));
  CHECK(read.rest == "GET / HTTP/1.1\r\n");
}

TEST_CASE("version 1 knows IPv6, and what is mapped into it") {
  const auto read = read_header("PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 65535\r\n");
  CHECK(read.state == HeaderState::done);
  CHECK(read.header.source == end_at("2001:db8::1", 1));
  CHECK(read.header.destination == end_at("10.0.0.1", 65535));
}

TEST_CASE("what is unknown says nothing of the client") {
  for (const std::string_view text : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n",
                                      "PROXY UNKNOWN  any thing\r\n"}) {
    const auto read = read_header(text);
    CHECK(read.state == HeaderState::done);
    CHECK(read.header.kind == HeaderKind::local);
  }
}

TEST_CASE("a line that is none is refused, and so is one that is too long") {
  for (const std::string_view text :
       {"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\r",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n", "PROXY TCP4 192.0.2.01 198.51.100.7 1 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.7 1 443\r\n", "PROXY TCP4 ::1 ::2 1 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 1 443\r\n", "PROXY tcp4 192.0.2.1 198.51.100.7 1 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n", "PROXY \r\n"})
    CHECK(header_state(text) == HeaderState::malformed);
  const std::string longest = "PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n";
  REQUIRE(longest.size() == ProxyHeaderReader::kMostLine);
  CHECK(header_state(longest) == HeaderState::done);
  CHECK(header_state("PROXY UNKNOWN x" + longest.substr(14)) == HeaderState::malformed);
  CHECK(header_state("PROXY " + std::string(200, 'x')) == HeaderState::malformed);
  CHECK(header_state("PROXY " + std::string(100, 'x')) == HeaderState::more);
}

TEST_CASE("version 2 tells both ends") {
  const auto read = read_header(binary_header(0x21, 0x11, kFourEnds) + "rest");
  CHECK(read.state == HeaderState::done);
  CHECK(read.header.kind == HeaderKind::addresses);
  CHECK(read.header.source == end_at("10.0.0.1", 1234));
  CHECK(read.header.destination == end_at("10.0.0.2", 80));
  CHECK(read.rest == "rest");
}

TEST_CASE("version 2 knows IPv6, and reads what is mapped into it as IPv4") {
  std::string block = std::string(10, '\0') + "\xff\xff\x7f" + std::string(2, '\0') + "\x01";
  block += std::string("\xfd") + std::string(14, '\0') + "\x02" + "\x12\x34\x01\xbb";
  const auto read = read_header(binary_header(0x21, 0x21, block));
  CHECK(read.state == HeaderState::done);
  CHECK(read.header.source == end_at("127.0.0.1", 0x1234));
  CHECK(read.header.destination == end_at("fd00::2", 443));
}

TEST_CASE("version 2 passes over what it knows no address of") {
  CHECK(read_header(binary_header(0x20, 0x00, "")).header.kind == HeaderKind::local);
  CHECK(read_header(binary_header(0x20, 0xff, "any thing")).state == HeaderState::done);
  CHECK(read_header(binary_header(0x21, 0x00, "any thing")).state == HeaderState::done);
  CHECK(read_header(binary_header(0x21, 0x12, kFourEnds)).header.kind == HeaderKind::local);
  const auto unix_peer = read_header(binary_header(0x21, 0x31, std::string(216, 'p')));
  CHECK(unix_peer.state == HeaderState::done);
  CHECK(unix_peer.header.kind == HeaderKind::unix_peer);
}

TEST_CASE("a header of version 2 that is none is refused") {
  const std::string four(kFourEnds);
  for (const std::string& text :
       {binary_header(0x11, 0x11, four), binary_header(0x31, 0x11, four), binary_header(0x22, 0x11, four),
        binary_header(0x21, 0x41, four), binary_header(0x21, 0x13, four),
        binary_header(0x21, 0x11, four.substr(1)), binary_header(0x21, 0x21, four),
        binary_header(0x21, 0x31, four), binary_header(0x21, 0x11, four + "\x04"),
        binary_header(0x21, 0x11, four + "\x04\x01"),
        binary_header(0x21, 0x11, four + std::string("\x04\0\x05", 3) + "abcd")})
    CHECK(header_state(text) == HeaderState::malformed);
  CHECK(header_state(binary_header(0x21, 0x11, four + std::string("\x04\0\x05", 3) + "abcde")) ==
        HeaderState::done);
  CHECK(header_state(binary_header(0x20, 0x00, std::string(4096, 'x'))) == HeaderState::done);
  CHECK(header_state(binary_header(0x20, 0x00, std::string(4097, 'x'))) == HeaderState::malformed);
  CHECK(header_state(binary_header(0x21, 0x11, four).substr(0, 27)) == HeaderState::more);
}

TEST_CASE("a checksum in it is checked") {
  CHECK(crc32c("123456789") == 0xe3069283U);
  const std::string tail = std::string("\x03\0\x04\0\0\0\0", 7) + std::string("\x02\0\x01", 3) + "a";
  std::string text = binary_header(0x21, 0x11, std::string(kFourEnds) + tail);
  const std::uint32_t crc = crc32c(text);
  const std::size_t at = 16 + kFourEnds.size() + 3;
  for (std::size_t i = 0; i < 4; ++i) text[at + i] = static_cast<char>(crc >> (24 - 8 * i) & 0xff);
  CHECK(header_state(text) == HeaderState::done);
  for (const std::size_t place : {std::size_t{20}, at, text.size() - 1}) {
    std::string other = text;
    other[place] = static_cast<char>(other[place] ^ 1);
    CHECK(header_state(other) == HeaderState::malformed);
  }
  CHECK(
      header_state(binary_header(0x21, 0x11, std::string(kFourEnds) + std::string("\x03\0\x03\0\0\0", 6))) ==
      HeaderState::malformed);
}

TEST_CASE("what begins no header of a version that is taken is none") {
  CHECK(header_state("GET / HTTP/1.1\r\n") == HeaderState::missing);
  CHECK(header_state("\x16\x03\x01") == HeaderState::missing);
  CHECK(header_state("PROXX") == HeaderState::missing);
  CHECK(header_state("\r\n\r\nX") == HeaderState::missing);
  CHECK(header_state("PROXY UNKNOWN\r\n", HeaderTakes::v2) == HeaderState::missing);
  CHECK(header_state("PROXY UNKNOWN\r\n", HeaderTakes::v1) == HeaderState::done);
  CHECK(header_state(binary_header(0x20, 0x00, ""), HeaderTakes::v1) == HeaderState::missing);
  CHECK(header_state(binary_header(0x20, 0x00, ""), HeaderTakes::v2) == HeaderState::done);
}

TEST_CASE("what is written reads back") {
  const std::vector<std::array<weir::io::IpPort, 2>> pairs = {
      {end_at("10.0.0.1", 1), end_at("192.168.255.254", 65535)},
      {end_at("2001:db8::1", 80), end_at("fd00::2", 443)}};
  for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
    for (const auto& [source, destination] : pairs) {
      const auto read = read_header(proxy_header(version, source, destination) + "x");
      CHECK(read.state == HeaderState::done);
      CHECK(read.header.kind == HeaderKind::addresses);
      CHECK(read.header.source == source);
      CHECK(read.header.destination == destination);
      CHECK(read.rest == "x");
    }
    const auto mixed = read_header(proxy_header(version, end_at("10.0.0.1", 7), end_at("fd00::2", 8)));
    CHECK(mixed.header.source == end_at("10.0.0.1", 7));
    CHECK(mixed.header.destination == end_at("fd00::2", 8));
    CHECK(read_header(proxy_header(version, weir::io::IpPort{}, end_at("fd00::2", 8))).header.kind ==
          HeaderKind::local);
    CHECK(read_header(local_proxy_header(version)).state == HeaderState::done);
    CHECK(read_header(local_proxy_header(version)).header.kind == HeaderKind::local);
  }
  CHECK(proxy_header(ProxyVersion::v1, end_at("10.0.0.1", 1), end_at("10.0.0.2", 2)) ==
        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
  CHECK(local_proxy_header(ProxyVersion::v2) == binary_header(0x20, 0x00, ""));
}

// Addresses: what is read, how it is written back, and what is refused.
#include "proxy/io/address.h"

#include "tests/unit/catch.h"

using weir::io::Address;
using weir::io::Ip;
using weir::io::IpPrefix;

namespace {

// The address written back; "-" if it is refused.
std::string reread(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : "-";
}

std::string reread_ip(std::string_view text) {
  const auto ip = Ip::parse(text);
  return ip ? ip->text() : "-";
}

std::string reread_prefix(std::string_view text) {
  const auto prefix = IpPrefix::parse(text);
  return prefix ? prefix->ip.text() + "/" + std::to_string(prefix->bits) : "-";
}

}  // namespace

TEST_CASE("IP addresses are written as RFC 5952 wants") {
  CHECK(reread_ip("1.2.3.4") == "1.2.3.4");
  CHECK(reread_ip("2001:DB8:0:0:0:0:0:1") == "2001:db8::1");
  CHECK(reread_ip("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
  CHECK(reread_ip("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(reread_ip("::") == "::");
  CHECK(reread_ip("0:0:0:0:0:0:0:1") == "::1");
  CHECK(reread_ip("1:0:0:0:0:0:0:0") == "1::");
  CHECK(reread_ip("1:0:0:2:0:0:0:3") == "1:0:0:2::3");
  CHECK(reread_ip("::ffff:1.2.3.4") == "1.2.3.4");
  CHECK(reread_ip("::ffff:102:304") == "1.2.3.4");
  CHECK(reread_ip("64:ff9b::1.2.3.4") == "64:ff9b::102:304");
}

TEST_CASE("what is no IP address is refused") {
  using namespace std::string_view_literals;
  for (std::string_view text :
       {""sv, "1.2.3"sv, "1.2.3.4.5"sv, "256.1.1.1"sv, "01.2.3.4"sv, "1.2.3.4 "sv, "0x1.2.3.4"sv,
        "1.2.3.4\0"sv, "::1\0"sv, "[::1]"sv, "fe80::1%eth0"sv, ":::"sv, "1::2::3"sv, "12345::"sv,
        "1:2:3:4:5:6:7:8:9"sv, "1:2:3"sv, ":1:2:3:4:5:6:7"sv, "localhost"sv}) {
    INFO(text);
    CHECK(reread_ip(text) == "-");
  }
  CHECK(reread_ip(std::string(500, ':')) == "-");
}

TEST_CASE("networks hold what their first bits say") {
  CHECK(reread_prefix("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(reread_prefix("10.255.1.2/9") == "10.128.0.0/9");
  CHECK(reread_prefix("192.0.2.7") == "192.0.2.7/32");
  CHECK(reread_prefix("::1") == "::1/128");
  CHECK(reread_prefix("fdff::/7") == "fc00::/7");
  CHECK(reread_prefix("::ffff:10.0.0.0/104") == "10.0.0.0/8");
  for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/08", "10.0.0.0/-1",
                           "10.0.0.0/8/8", "::ffff:10.0.0.0/95", "10.0.0/8", "a.b"}) {
    INFO(text);
    CHECK(reread_prefix(text) == "-");
  }
  const auto holds = [](const char* prefix, const char* ip) {
    return IpPrefix::parse(prefix)->contains(*Ip::parse(ip));
  };
  CHECK(holds("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(holds("10.0.0.0/8", "11.0.0.0"));
  CHECK(holds("10.128.0.0/9", "10.200.0.1"));
  CHECK_FALSE(holds("10.128.0.0/9", "10.127.0.1"));
  CHECK(holds("0.0.0.0/0", "255.1.2.3"));
  CHECK_FALSE(holds("0.0.0.0/0", "::1"));
  CHECK(holds("::/0", "fe80::1"));
  CHECK(holds("fd00::/8", "fdff::1"));
  CHECK(holds("1.2.3.4", "::ffff:1.2.3.4"));
  CHECK_FALSE(holds("1.2.3.4/31", "1.2.3.6"));
}

TEST_CASE("unix sockets are a network of their own") {
  const auto unix_sockets = IpPrefix::parse("unix");
  REQUIRE(unix_sockets);
  CHECK(unix_sockets->contains(Ip{}));
  CHECK_FALSE(unix_sockets->contains(*Ip::parse("0.0.0.0")));
  CHECK_FALSE(unix_sockets->contains(*Ip::parse("::")));
  for (const char* all : {"0.0.0.0/0", "::/0"}) CHECK_FALSE(IpPrefix::parse(all)->contains(Ip{}));
  for (const char* bad : {"unix:", "unix/0", "Unix", "unix:/run/x"}) CHECK_FALSE(IpPrefix::parse(bad));
}

TEST_CASE("addresses are read and written in one form") {
  CHECK(reread("127.0.0.1:8080") == "127.0.0.1:8080");
  CHECK(reread("0.0.0.0:0") == "0.0.0.0:0");
  CHECK(reread("[::1]:65535") == "[::1]:65535");
  CHECK(reread("[0:0::0]:1") == "[::]:1");
  CHECK(reread("[::ffff:127.0.0.1]:80") == "127.0.0.1:80");
  CHECK(reread("unix:/run/weir.sock") == "unix:/run/weir.sock");
  CHECK(reread("unix:/" + std::string(106, 'x')) == "unix:/" + std::string(106, 'x'));
  CHECK(reread("unix:/a b:80") == "unix:/a b:80");
  CHECK(reread("App.Internal:80") == "app.internal:80");
  CHECK(reread("app_1-x.internal.:80") == "app_1-x.internal.:80");
  CHECK(reread("1host:80") == "1host:80");
  CHECK(reread("unix:80") == "-");
  CHECK(Address::parse("127.0.0.1:80")->kind == Address::Kind::ip);
  CHECK(Address::parse("localhost:80")->kind == Address::Kind::name);
  CHECK(Address::parse("localhost:80")->port == 80);
  CHECK(Address::parse("unix:/x")->kind == Address::Kind::unix_path);
}

TEST_CASE("what is no address is refused") {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv,
                                ":"sv,
                                "80"sv,
                                ":80"sv,
                                "a"sv,
                                "a:"sv,
                                "a:65536"sv,
                                "a:99999999999"sv,
                                "a:080"sv,
                                "a:+80"sv,
                                "a:8 0"sv,
                                " a:80"sv,
                                "a b:80"sv,
                                "::1:80"sv,
                                "[::1]"sv,
                                "[::1]80"sv,
                                "[::1:80"sv,
                                "::1]:80"sv,
                                "[1.2.3.4]:80"sv,
                                "[a]:80"sv,
                                "[]:80"sv,
                                "[fe80::1%eth0]:80"sv,
                                "http://a:80"sv,
                                "a:80/"sv,
                                "u@a:80"sv,
                                "a..b:80"sv,
                                ".a:80"sv,
                                "-a:80"sv,
                                "a-:80"sv,
                                "a.-b:80"sv,
                                "*:80"sv,
                                "256.1.1.1:80"sv,
                                "1.2.3:80"sv,
                                "1:80"sv,
                                "0x7f000001:80"sv,
                                "a.1:80"sv,
                                "a.:.80"sv,
                                ".:80"sv,
                                "a\0:80"sv,
                                "\xc3\xbc:80"sv,
                                "unix:"sv,
                                "unix:x"sv,
                                "unix:/"sv,
                                "unix:/a/"sv,
                                "unix:/a\0b"sv,
                                "unix:/a\nb"sv}) {
    INFO(text);
    CHECK(reread(text) == "-");
  }
  CHECK(reread("unix:/" + std::string(107, 'x')) == "-");
  CHECK(reread(std::string(64, 'a') + ":80") == "-");
  CHECK(reread(std::string(63, 'a') + ":80") != "-");
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "a.";
  CHECK(reread(longest.substr(0, 253) + ":80") != "-");
  CHECK(reread(longest + "a:80") == "-");
}

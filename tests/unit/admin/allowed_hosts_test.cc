// By which Host the admin port may be asked.
#include "proxy/admin/allowed_hosts.h"

#include "tests/unit/catch.h"

namespace weir::admin {
namespace {

AllowedHosts at(const std::string& address, const std::vector<std::string>& hosts = {}) {
  return {io::Address::parse(address).value(), hosts};
}

void check(const AllowedHosts& hosts, const std::vector<std::string>& allowed,
           const std::vector<std::string>& refused) {
  for (const std::string& host : allowed) {
    INFO(host);
    CHECK(hosts.allow(host));
  }
  for (const std::string& host : refused) {
    INFO(host);
    CHECK_FALSE(hosts.allow(host));
  }
}

}  // namespace

TEST_CASE("localhost and the address itself, whatever the port, the case and one dot at the end") {
  check(at("127.0.0.1:9901"),
        {"localhost", "LocalHost", "localhost:80", "localhost:", "localhost.", "localhost.:9901", "127.0.0.1",
         "127.0.0.1.", "127.0.0.1.:9901", "[::ffff:127.0.0.1]"},
        {"", ".", ":80", "localhost..", ".localhost", "a.localhost", "localhost.evil.test", "127.0.0.1..",
         "127.0.0.2", "127.1", "2130706433", "0x7f.0.0.1", "127.0.0.1.evil.test", "[::1]", "0.0.0.0"});
}

TEST_CASE("IPv6 addresses are the same however they are written") {
  check(at("[::1]:9901"), {"[::1]", "[::1]:9901", "[0:0:0:0:0:0:0:1]", "[0::0001]:80", "[::0.0.0.1]"},
        {"[::2]", "[::]", "[::ffff:0:1]", "[1::]", "127.0.0.1"});
}

TEST_CASE("hosts of the configuration, names and addresses") {
  check(at("127.0.0.1:9901", {"weir.internal", "192.0.2.7", "[fd00::7]", "[::ffff:192.0.2.8]"}),
        {"weir.internal", "Weir.Internal.:80", "192.0.2.7", "192.0.2.7.", "[::ffff:192.0.2.7]", "[fd00::7]",
         "[FD00:0:0::7]:80", "[fd00:0:0:0:0:0:0:7]", "192.0.2.8", "localhost"},
        {"internal", "weir.internal.evil.test", "weir", "192.0.2.9", "[fd00::8]", "weir%2einternal"});
}

TEST_CASE("a port on all addresses takes any address and no other name") {
  for (const char* any : {"0.0.0.0:9901", "[::]:9901"})
    check(at(any), {"192.0.2.7", "192.0.2.7.", "[fd00::7]:80", "localhost"}, {"evil.test", "192.0.2.7.test"});
}

TEST_CASE("a unix socket has no address: localhost and the hosts of the configuration") {
  check(at("unix:/run/weir/admin.sock", {"[fd00::7]", "weir.internal"}),
        {"localhost", "localhost.", "weir.internal", "[fd00:0::7]"}, {"127.0.0.1", "[::1]", "0.0.0.0", ""});
}

}  // namespace weir::admin

#include "proxy/epoll/listen_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

namespace weir::epoll {

namespace {

io::Address ip(io::Ip::Family family, std::uint16_t port) {
  io::Address address;
  address.ip.family = family;
  if (family == io::Ip::Family::v4) {
    address.ip.bytes = {127, 0, 0, 1};
  } else {
    address.ip.bytes[15] = 1;
  }
  address.port = port;
  return address;
}

io::Address unix_path(const std::string& path) {
  io::Address address;
  address.kind = io::Address::Kind::unix_path;
  address.text_ = path;
  return address;
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/socket"; }
  std::string path;
};

void close_all(const std::vector<io::ListenSocket>& sockets) {
  for (const io::ListenSocket socket : sockets) close_listen_socket(socket);
}

}  // namespace

TEST_CASE("a socket a worker, all on one port that the kernel chose") {
  for (const auto family : {io::Ip::Family::v4, io::Ip::Family::v6}) {
    const auto sockets = open_listen_sockets(ip(family, 0), 3);
    REQUIRE(sockets);
    REQUIRE(sockets->size() == 3);
    CHECK(bound_port((*sockets)[0]) != 0);
    CHECK(bound_port((*sockets)[0]) == bound_port((*sockets)[2]));
    const auto more = open_listen_socket(ip(family, bound_port((*sockets)[0])));
    REQUIRE(more);
    close_listen_socket(*more);
    close_all(*sockets);
  }
}

TEST_CASE("somebody else's port is in use, though both allow sharing") {
  const auto first = open_listen_sockets(ip(io::Ip::Family::v4, 0), 2);
  REQUIRE(first);
  const std::uint16_t port = bound_port(first->front());
  const auto second = open_listen_sockets(ip(io::Ip::Family::v4, port), 2);
  REQUIRE_FALSE(second);
  CHECK(second.error() == "Address already in use");
  close_all(*first);
  const auto third = open_listen_sockets(ip(io::Ip::Family::v4, port), 2);
  REQUIRE(third);
  close_all(*third);
}

TEST_CASE("errors are words") {
  io::Address far = ip(io::Ip::Family::v4, 0);
  far.ip.bytes = {192, 0, 2, 1};
  const auto foreign = open_listen_sockets(far, 1);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error() == "Cannot assign requested address");
  io::Address name;
  name.kind = io::Address::Kind::name;
  name.text_ = "localhost";
  CHECK_FALSE(open_listen_sockets(name, 1));
  const auto too_long = open_listen_sockets(unix_path("/" + std::string(107, 'x')), 1);
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error() == "path too long (at most 107 bytes)");
  CHECK_FALSE(open_listen_sockets(unix_path("/nonexistent/socket"), 1));
}

TEST_CASE("a unix path: one socket under several descriptors") {
  const Folder folder;
  const auto sockets = open_listen_sockets(unix_path(folder.file()), 3);
  REQUIRE(sockets);
  REQUIRE(sockets->size() == 3);
  CHECK((*sockets)[0].fd != (*sockets)[1].fd);
  CHECK(bound_port((*sockets)[0]) == 0);
  const auto again = open_listen_sockets(unix_path(folder.file()), 1);
  REQUIRE_FALSE(again);
  CHECK(again.error() == "Address already in use");
  close_all(*sockets);
}

TEST_CASE("a dead socket's file is replaced, any other file is not") {
  const Folder folder;
  const auto dead = open_listen_sockets(unix_path(folder.file()), 1);
  REQUIRE(dead);
  close_all(*dead);
  REQUIRE(std::filesystem::exists(folder.file()));
  const auto next = open_listen_sockets(unix_path(folder.file()), 1);
  REQUIRE(next);
  close_all(*next);
  const std::string file = folder.path + "/precious";
  std::ofstream(file) << "data";
  const auto refused = open_listen_sockets(unix_path(file), 1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "the path exists and is not a socket");
  CHECK(std::filesystem::file_size(file) == 4);
}

}  // namespace weir::epoll

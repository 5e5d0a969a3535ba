// Which sockets of those that were given an address gets.
#include "proxy/server/inherited_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

using namespace weir;
using server::InheritedSockets;
using server::SocketGroup;
using server::SocketMaker;
using Use = SocketGroup::Use;

namespace {

io::Address at(std::string_view text) {
  return *io::Address::parse(text);
}

SocketGroup group(Use use, std::string_view wanted, std::string_view bound,
                  SocketMaker maker = SocketMaker::weir) {
  SocketGroup made{use, maker, at(wanted), at(bound), {}};
  made.sockets.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return made;
}

}  // namespace

TEST_CASE("those of the same use and configuration, once each") {
  InheritedSockets sockets;
  sockets.add(group(Use::listener, "127.0.0.1:0", "127.0.0.1:1001"));
  sockets.add(group(Use::admin, "127.0.0.1:0", "127.0.0.1:1002"));
  sockets.add(group(Use::listener, "127.0.0.1:0", "127.0.0.1:1003"));
  CHECK(sockets.take(Use::admin, at("127.0.0.1:0"))->bound == at("127.0.0.1:1002"));
  CHECK_FALSE(sockets.take(Use::admin, at("127.0.0.1:0")));
  CHECK(sockets.take(Use::listener, at("127.0.0.1:0"))->bound == at("127.0.0.1:1001"));
  CHECK(sockets.take(Use::listener, at("127.0.0.1:0"))->bound == at("127.0.0.1:1003"));
  CHECK_FALSE(sockets.take(Use::listener, at("127.0.0.1:0")));
  CHECK(sockets.places().size() == 3);
}

TEST_CASE("or those that are bound there, whatever they were for") {
  InheritedSockets sockets;
  sockets.add(group(Use::listener, "127.0.0.1:0", "127.0.0.1:1001"));
  sockets.add(group(Use::any, "127.0.0.1:80", "127.0.0.1:80", SocketMaker::service_manager));
  CHECK_FALSE(sockets.take(Use::listener, at("0.0.0.0:80")));
  CHECK(sockets.take(Use::admin, at("127.0.0.1:1001")));
  CHECK(sockets.take(Use::listener, at("127.0.0.1:80"))->maker == SocketMaker::service_manager);
}

TEST_CASE(
    "the file of a socket that nobody wants is unlinked if it is Weir's, and no sooner than it may be") {
  const std::string own = std::filesystem::temp_directory_path() / ("weir-own-" + std::to_string(::getpid()));
  const std::string other = own + "-other";
  for (const std::string& path : {own, other}) std::ofstream(path) << "";
  InheritedSockets sockets;
  sockets.add(group(Use::listener, "unix:" + own, "unix:" + own));
  sockets.add(group(Use::any, "unix:" + other, "unix:" + other, SocketMaker::service_manager));
  sockets.close_rest();
  CHECK(std::filesystem::exists(own));
  sockets.unlink_rest();
  CHECK_FALSE(std::filesystem::exists(own));
  CHECK(std::filesystem::exists(other));
  std::filesystem::remove(other);
}

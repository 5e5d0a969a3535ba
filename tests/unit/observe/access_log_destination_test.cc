// The access log's way out, by its path in the configuration.
#include "proxy/observe/access_log_destination.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/unit/catch.h"
#include "tests/unit/observe/fixture.h"

using namespace weir;
using namespace weir::observe;

TEST_CASE("a log file is appended to") {
  TemporaryFile file;
  std::ofstream(file.name()) << "before\n";
  {
    (*open_access_log(file.name()))->submit("after\n", 1);
  }
  CHECK(file.content() == "before\nafter\n");
}

TEST_CASE("a log file that cannot be opened says why") {
  const auto writer = open_access_log("/nowhere/at/all");
  REQUIRE_FALSE(writer);
  CHECK(writer.error() == "cannot open the access log /nowhere/at/all: No such file or directory");
}

TEST_CASE("a reader that stalls costs lines, which are counted, and never holds anybody up") {
  std::signal(SIGPIPE, SIG_IGN);  // as the process does
  TemporaryFile file;
  ::unlink(file.name().c_str());
  REQUIRE(::mkfifo(file.name().c_str(), 0600) == 0);
  const int reader = ::open(file.name().c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  {
    auto writer = open_access_log(file.name());
    REQUIRE(writer);
    for (int i = 0; i < 200; ++i) (*writer)->submit(std::string(100'000, 'x'), 10);
    // 64 buffers may wait, and as many again may be in the writing thread's hands.
    CHECK((*writer)->dropped_lines() >= 10 * (200 - 2 * 64));
    CHECK((*writer)->dropped_lines() < 2000);
  }  // ends although nobody reads
  ::close(reader);
}

TEST_CASE("buffers come back empty") {
  TemporaryFile file;
  auto writer = open_access_log(file.name());
  REQUIRE(writer);
  std::string buffer;
  for (int i = 0; i < 100; ++i) {
    buffer = (*writer)->submit("line\n", 1);
    CHECK(buffer.empty());
  }
}

TEST_CASE("a syslog that is absent is no reason not to start") {
  auto writer = open_access_log("syslog:/nowhere/at/all");
  REQUIRE(writer);
  (*writer)->submit("line\n", 1);
}  // ends although nobody listens

// Messages with descriptors between two ends of a pair.
#include "proxy/epoll/messages.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <vector>

#include "tests/unit/catch.h"

namespace weir::epoll {

TEST_CASE("messages arrive one by one, with their descriptors") {
  auto pair = open_message_pair();
  REQUIRE(pair);
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> many(kMostPassed, null.get());
  REQUIRE(send_message(pair->ours.get(), "first", many));
  REQUIRE(send_message(pair->ours.get(), "second"));
  auto first = receive_message(pair->theirs.get());
  REQUIRE(first);
  CHECK(first->text == "first");
  REQUIRE(first->descriptors.size() == kMostPassed);
  for (const Descriptor& each : first->descriptors) CHECK((::fcntl(each.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(receive_message(pair->theirs.get())->text == "second");
  CHECK(receive_message(pair->theirs.get()).error() == NoMessage::yet);
  CHECK(await_message(pair->theirs.get(), std::chrono::milliseconds(1)).error() == NoMessage::yet);
}

TEST_CASE("the end is told apart from silence, and what was said before it arrives") {
  auto pair = open_message_pair();
  REQUIRE(pair);
  REQUIRE(send_message(pair->ours.get(), "last"));
  pair->ours = {};
  CHECK(receive_message(pair->theirs.get())->text == "last");
  CHECK(receive_message(pair->theirs.get()).error() == NoMessage::any_more);
  CHECK_FALSE(send_message(pair->theirs.get(), "to nobody"));
}

TEST_CASE("what is too long is cut") {
  auto pair = open_message_pair();
  REQUIRE(send_message(pair->ours.get(), std::string(kLongestMessage + 1, 'x')));
  CHECK(receive_message(pair->theirs.get())->text.size() == kLongestMessage);
}

}  // namespace weir::epoll

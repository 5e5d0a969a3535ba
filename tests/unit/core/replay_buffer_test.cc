// The beginning of a request's body: whole while another attempt could send it again.
#include "proxy/core/replay_buffer.h"

#include "tests/unit/catch.h"

using weir::core::ReplayBuffer;

TEST_CASE("an empty body is whole") {
  ReplayBuffer buffer;
  CHECK(buffer.whole());
  buffer.keep_if_small("");
  buffer.give_up();
  CHECK(buffer.whole());
  CHECK(buffer.bytes().empty());
}

TEST_CASE("before an attempt sends, all of it is kept") {
  ReplayBuffer buffer;
  buffer.keep(std::string(ReplayBuffer::kMost, 'x'));
  buffer.keep("y");
  CHECK(buffer.whole());
  CHECK(buffer.bytes().size() == ReplayBuffer::kMost + 1);
}

TEST_CASE("while an attempt sends, it is kept up to its bound") {
  ReplayBuffer buffer;
  buffer.keep_if_small(std::string(ReplayBuffer::kMost - 1, 'x'));
  buffer.keep_if_small("y");
  CHECK(buffer.whole());
  CHECK(buffer.bytes().size() == ReplayBuffer::kMost);
  CHECK(buffer.bytes().back() == 'y');
  buffer.keep_if_small("z");
  CHECK_FALSE(buffer.whole());
}

TEST_CASE("what was once lost is never whole again, however little follows") {
  ReplayBuffer buffer;
  buffer.keep_if_small(std::string(ReplayBuffer::kMost + 1, 'x'));
  CHECK_FALSE(buffer.whole());
  buffer.keep_if_small("y");
  CHECK_FALSE(buffer.whole());
  CHECK(buffer.bytes().empty());
}

TEST_CASE("given up, the memory stays until it may go") {
  ReplayBuffer buffer;
  buffer.keep("body");
  const char* const lent = buffer.bytes().data();
  buffer.give_up();
  CHECK_FALSE(buffer.whole());
  CHECK(buffer.bytes().data() == lent);
  CHECK(buffer.bytes() == "body");
  buffer.free_if_given_up();
  CHECK(buffer.bytes().empty());
  CHECK_FALSE(buffer.whole());
}

TEST_CASE("freeing what was not given up keeps it") {
  ReplayBuffer buffer;
  buffer.keep("body");
  buffer.free_if_given_up();
  CHECK(buffer.bytes() == "body");
  CHECK(buffer.whole());
}

TEST_CASE("cleared, it is as new") {
  ReplayBuffer buffer;
  for (std::size_t size : {std::size_t{10}, ReplayBuffer::kMost}) {
    buffer.keep(std::string(size, 'x'));
    buffer.give_up();
    buffer.clear();
    CHECK(buffer.whole());
    CHECK(buffer.bytes().empty());
  }
}

TEST_CASE("what is not needed any more holds no memory, whether it was given up or is over") {
  ReplayBuffer buffer;
  buffer.keep(std::string(ReplayBuffer::kMost, 'x'));
  REQUIRE(buffer.held() >= ReplayBuffer::kMost);
  SECTION("over") {
    buffer.clear();
  }
  SECTION("given up") {
    buffer.give_up();
    buffer.free_if_given_up();
  }
  CHECK(buffer.held() < 100);
  CHECK(buffer.bytes().empty());
}

// Work off the loop.
#include "proxy/base/background.h"

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/catch.h"

namespace weir::base {

TEST_CASE("tasks run in order, on a thread that is not the caller's") {
  std::vector<int> ran;
  std::promise<std::thread::id> last;
  Background background;
  for (int i = 0; i < 100; ++i) background.run([&ran, i] { ran.push_back(i); });
  background.run([&last] { last.set_value(std::this_thread::get_id()); });
  CHECK(last.get_future().get() != std::this_thread::get_id());
  REQUIRE(ran.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("what a task holds is destroyed on the thread, before the next task") {
  std::promise<std::thread::id> destroyed;
  Background background;
  std::shared_ptr<int> held(new int(1), [&destroyed](const int* value) {
    delete value;
    destroyed.set_value(std::this_thread::get_id());
  });
  background.run([held = std::move(held)] {});
  CHECK(destroyed.get_future().get() != std::this_thread::get_id());
}

TEST_CASE("what its thread does gives way to other threads") {
  const auto nice = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  std::promise<int> within;
  Background background;
  background.run([&] { within.set_value(nice()); });
  CHECK(within.get_future().get() > nice());
}

TEST_CASE("at the end, what has to be done is done, in its order, and the rest dropped") {
  std::vector<int> ran;
  auto background = std::make_unique<Background>();
  std::promise<void> started;
  std::promise<void> end_has_begun;
  background->run([&] {
    started.set_value();
    end_has_begun.get_future().wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that nothing is begun any more
  });
  started.get_future().wait();
  background->run([&ran] { ran.push_back(1); });
  background->run([&ran] { ran.push_back(2); }, Executor::AtEnd::done);
  background->run([&ran] { ran.push_back(3); });
  background->run([&ran] { ran.push_back(4); }, Executor::AtEnd::done);
  std::thread ending([&] {
    end_has_begun.set_value();
    background.reset();
  });
  ending.join();
  CHECK(ran == std::vector<int>{2, 4});
}

TEST_CASE("the end waits for the present task") {
  std::promise<void> started;
  bool finished = false;
  {
    Background background;
    background.run([&] {
      started.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // most likely the end has begun by then
      finished = true;
    });
    started.get_future().wait();
  }
  CHECK(finished);
}

}  // namespace weir::base

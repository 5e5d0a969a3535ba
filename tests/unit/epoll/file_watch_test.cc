// A file that is saved, on a real file system.
#include "proxy/epoll/file_watch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "proxy/epoll/descriptor_watch.h"
#include "proxy/epoll/epoll_runtime.h"
#include "tests/unit/catch.h"

namespace weir::epoll {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Scene final : io::TimerHandler {
  Scene() {
    std::string name = (fs::temp_directory_path() / "weir-watch-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    save();
  }
  ~Scene() { fs::remove_all(folder); }
  fs::path file() const { return folder / "weir.yaml"; }
  void save() const {
    std::ofstream(folder / "new") << "text\n";
    fs::rename(folder / "new", file());
  }
  // How often a change was said within so long.
  int said_within(base::Duration span) {
    over = false;
    said = 0;
    timer.set(runtime.now() + span);
    while (!over) runtime.run_once();
    return said;
  }
  void on_timer() override { over = true; }

  fs::path folder;
  EpollRuntime runtime;
  io::Timer timer{runtime.timers(), *this};
  bool over = false;
  int said = 0;
};

}  // namespace

TEST_CASE("a save is said once") {
  Scene scene;
  FileWatch watch(scene.runtime, scene.file().string(), [&] { ++scene.said; });
  CHECK(watch.works());
  scene.save();
  scene.save();
  CHECK(scene.said_within(500ms) == 1);
  std::ofstream(scene.folder / "another") << "text\n";
  CHECK(scene.said_within(300ms) == 0);
}

TEST_CASE("a save is not forgotten when the watch is renewed meanwhile") {
  Scene scene;
  FileWatch watch(scene.runtime, scene.file().string(), [&] { ++scene.said; });
  scene.save();
  watch.renew();
  CHECK(scene.said_within(500ms) == 1);
}

TEST_CASE("a file that is not there is noticed when it comes") {
  Scene scene;
  fs::remove(scene.file());
  FileWatch watch(scene.runtime, scene.file().string(), [&] { ++scene.said; });
  CHECK_FALSE(watch.works());
  scene.save();
  CHECK(scene.said_within(1500ms) >= 1);
  CHECK(watch.works());
}

TEST_CASE("a watch may end in the turn in which it would have been told of a change") {
  Scene scene;
  auto watch = std::make_unique<FileWatch>(scene.runtime, scene.file().string(), [&] { ++scene.said; });
  const int event = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  {
    const DescriptorWatch signal(scene.runtime, event, [&] { watch.reset(); });
    scene.save();
    CHECK(scene.said_within(300ms) == 0);
  }
  CHECK(!watch);
  ::close(event);
}

}  // namespace weir::epoll

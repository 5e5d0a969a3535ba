// Counts that each worker has of its own, while their number changes.
#include "proxy/observe/count.h"

#include <thread>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir::observe;

namespace {

struct Share {
  Count count;
};

}  // namespace

TEST_CASE("there is a share for each worker, also for those that come later") {
  PerWorker<Share> shares(2);
  Share& first = shares.of(1);
  for (std::size_t worker = 0; worker < 20; ++worker) shares.of(worker).count.add(worker + 1);
  CHECK(&shares.of(1) == &first);
  CHECK(first.count.get() == 2);
  CHECK(shares.sum([](const Share& share) { return share.count.get(); }) == 210);
  std::size_t seen = 0;
  for (const Share& share : shares) seen += share.count.get() > 0 ? 1 : 0;
  CHECK(seen == 20);
}

TEST_CASE("several threads may ask for more at once") {
  PerWorker<Share> shares(1);
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (std::size_t worker = 0; worker < 8; ++worker)
    threads.emplace_back([&shares, worker] {
      for (int i = 0; i < 1000; ++i) shares.of(worker).count.add();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(shares.sum([](const Share& share) { return share.count.get(); }) == 8000);
}

// What one thread counts and any thread may read: its writer changes it by a plain load and store.
// Each worker has a share of its own, and who reads adds the shares up, so that counting never makes two
// workers wait for each other's cache lines.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace weir::observe {

class Count {
 public:
  void add(std::uint64_t more = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  void take(std::uint64_t less = 1) { add(-less); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A Share for each worker, by its number.
template <class Share>
class PerWorker {
 public:
  explicit PerWorker(std::size_t workers) : size_(workers), shares_(std::make_unique<Share[]>(workers)) {}

  Share& of(std::size_t worker) { return shares_[worker]; }
  std::size_t size() const { return size_; }
  const Share* begin() const { return shares_.get(); }
  const Share* end() const { return shares_.get() + size_; }
  // The sum of what `f` gives for each share.
  template <class F>
  std::uint64_t sum(F&& f) const {
    std::uint64_t total = 0;
    for (const Share& share : *this) total += f(share);
    return total;
  }

 private:
  std::size_t size_;
  std::unique_ptr<Share[]> shares_;
};

}  // namespace weir::observe

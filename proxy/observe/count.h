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

// A Share for each worker, by its number. There is room for as many workers as were said at first, and more
// is made when a higher number asks, so the count of workers may change while others count and read. A share
// stays where it is. Any thread.
template <class Share>
class PerWorker {
  struct Block {
    explicit Block(std::size_t shares) : size(shares), shares(std::make_unique<Share[]>(shares)) {}
    ~Block() { delete next.load(std::memory_order_relaxed); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    const std::size_t size;
    const std::unique_ptr<Share[]> shares;
    std::atomic<Block*> next{nullptr};
  };

 public:
  class Iterator {
   public:
    explicit Iterator(const Block* block) : block_(block) {}
    const Share& operator*() const { return block_->shares[at_]; }
    Iterator& operator++() {
      if (++at_ == block_->size) {
        block_ = block_->next.load(std::memory_order_acquire);
        at_ = 0;
      }
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Block* block_;
    std::size_t at_ = 0;
  };

  explicit PerWorker(std::size_t workers) : first_(workers > 0 ? workers : 1) {}

  Share& of(std::size_t worker) {
    Block* block = &first_;
    for (; worker >= block->size; block = &after(*block)) worker -= block->size;
    return block->shares[worker];
  }
  Iterator begin() const { return Iterator(&first_); }
  Iterator end() const { return Iterator(nullptr); }
  // The sum of what `f` gives for each share.
  template <class F>
  std::uint64_t sum(F&& f) const {
    std::uint64_t total = 0;
    for (const Share& share : *this) total += f(share);
    return total;
  }

 private:
  // The block behind this one; twice its size, if it has to be made.
  static Block& after(Block& block) {
    Block* next = block.next.load(std::memory_order_acquire);
    if (next != nullptr) return *next;
    auto made = std::make_unique<Block>(block.size * 2);
    if (block.next.compare_exchange_strong(next, made.get(), std::memory_order_acq_rel))
      return *made.release();
    return *next;  // another thread was faster
  }

  Block first_;
};

}  // namespace weir::observe

// The beginning of a request's body, kept so that another attempt can send it again. Before an attempt sends,
// it holds all there is (backpressure bounds that); once an attempt has, it holds the body only while it is
// small and the request may be repeated at all. Whole: nothing that has arrived is missing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::core {

class ReplayBuffer {
 public:
  static constexpr std::size_t kMost = 64 * 1024;

  bool whole() const { return whole_; }
  std::string_view bytes() const { return bytes_; }

  // Bytes that no attempt has sent yet.
  void keep(std::string_view bytes) { bytes_.append(bytes); }
  // Bytes that an attempt is sending at this moment.
  void keep_if_small(std::string_view bytes) {
    if (keeps_ && whole_ && bytes_.size() + bytes.size() <= kMost) return keep(bytes);
    if (!bytes.empty()) whole_ = false;
  }
  // Nothing will be sent again. The memory goes at free(), since what was lent of it may not be flushed yet.
  void give_up() {
    keeps_ = false;
    whole_ = bytes_.empty();
  }
  void free_if_given_up() {
    if (!whole_) let_go();
  }
  void clear() {
    if (bytes_.capacity() > kKept)
      let_go();
    else
      bytes_.clear();
    whole_ = keeps_ = true;
  }

  // Of memory, whatever is in it.
  std::size_t held() const { return bytes_.capacity(); }

 private:
  static constexpr std::size_t kKept = 4096;
  void let_go() { std::string().swap(bytes_); }  // assigning an empty one keeps the memory

  std::string bytes_;
  bool whole_ = true;
  bool keeps_ = true;
};

}  // namespace weir::core

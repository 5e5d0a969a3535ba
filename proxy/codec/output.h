// What one turn wants to write to one connection, gathered: framing is copied in, payload is lent (a little
// of it is copied too: one piece costs the kernel less than two). The pieces go out in one system call.
// Objects are reused through a Scratch, so that an idle connection holds none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::codec {

class Output {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Copies; the space may also be filled in place: grow() gives room for exactly `size` bytes.
  void copy(std::string_view bytes) {
    std::char_traits<char>::copy(grow(bytes.size()), bytes.data(), bytes.size());
  }
  char* grow(std::size_t size) {
    std::size_t at = owned_.size();
    const std::size_t whole = at + size;  // libstdc++ 12.2 passes the new capacity instead
    owned_.resize_and_overwrite(whole, [whole](char*, std::size_t) { return whole; });
    if (!pieces_.empty() && pieces_.back().lent == nullptr)
      pieces_.back().size += size;
    else
      pieces_.push_back({nullptr, at, size});
    size_ += size;
    return owned_.data() + at;
  }
  // Valid until the flush of this turn.
  void lend(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() <= kLittle) return copy(bytes);
    pieces_.push_back({bytes.data(), 0, bytes.size()});
    size_ += bytes.size();
  }
  // The pieces in order; valid until the next change.
  const std::vector<std::string_view>& gather() {
    views_.clear();
    for (const Piece& piece : pieces_)
      views_.emplace_back(piece.lent ? piece.lent : owned_.data() + piece.at, piece.size);
    return views_;
  }
  void clear() {
    owned_.clear();
    pieces_.clear();
    size_ = 0;
  }

 private:
  struct Piece {
    const char* lent;  // nullptr: in owned_
    std::size_t at;
    std::size_t size;
  };
  static constexpr std::size_t kLittle = 1024;
  std::string owned_;
  std::vector<Piece> pieces_;
  std::vector<std::string_view> views_;
  std::size_t size_ = 0;
};

}  // namespace weir::codec

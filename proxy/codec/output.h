// What one turn wants to write to one connection, gathered: framing is copied in, payload is lent (a little
// of it is copied too: one piece costs the kernel less than two). The pieces go out in one system call.
// Objects are reused through a Scratch, so that an idle connection holds none.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/check.h"
#include "proxy/base/put.h"

namespace weir::codec {

class Output {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // `write` is given room for `most` bytes, and returns where it stopped.
  template <class F>
  void write(std::size_t most, F&& write) {
    const std::size_t at = owned_.size();
    owned_.resize_and_overwrite(at + most, [&](char* text, std::size_t) {
      return static_cast<std::size_t>(write(text + at) - text);
    });
    const std::size_t written = owned_.size() - at;
    WEIR_CHECK(written <= most);
    if (!pieces_.empty() && pieces_.back().lent == nullptr)
      pieces_.back().size += written;
    else
      pieces_.push_back({nullptr, at, written});
    size_ += written;
  }
  void copy(std::string_view bytes) {
    write(bytes.size(), [bytes](char* at) { return base::put(at, bytes); });
  }
  // Valid until the flush of this turn.
  void lend(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() <= kLittle) return copy(bytes);
    pieces_.push_back({bytes.data(), 0, bytes.size()});
    size_ += bytes.size();
  }
  // What was lent from here lives as long as the pieces do.
  void own(std::string&& bytes) { kept_.push_back(std::move(bytes)); }
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
    kept_.clear();
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
  std::vector<std::string> kept_;
  std::size_t size_ = 0;
};

}  // namespace weir::codec

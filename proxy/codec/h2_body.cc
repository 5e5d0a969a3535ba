#include "proxy/codec/h2_body.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir::codec {

void H2Body::lend(std::string_view bytes) {
  if (bytes.empty()) return;
  lent_.push_back(bytes);
  size_ += bytes.size();
}

void H2Body::frame(std::size_t bytes, Output& out) {
  WEIR_CHECK(bytes <= size_);
  size_ -= bytes;
  const std::size_t of_kept = std::min(bytes, kept_.size() - kept_at_);
  if (of_kept > 0) frame_kept(of_kept, out);
  bytes -= of_kept;
  std::size_t whole = 0;
  for (; bytes > 0; ++whole) {
    std::string_view& piece = lent_[whole];
    const std::size_t taken = std::min(bytes, piece.size());
    out.lend(piece.substr(0, taken));
    bytes -= taken;
    piece.remove_prefix(taken);
    if (!piece.empty()) break;
  }
  lent_.erase(lent_.begin(), lent_.begin() + static_cast<std::ptrdiff_t>(whole));
}

void H2Body::frame_kept(std::size_t bytes, Output& out) {
  out.lend(std::string_view(kept_).substr(kept_at_, bytes));
  kept_at_ += bytes;
  if (kept_at_ == kept_.size()) let_go(&out);
}

void H2Body::keep(Output* out) {
  if (!lent_.empty()) {
    std::string rest;
    if (kept_at_ == 0) rest = std::move(kept_);  // nobody has views into it
    std::size_t size = size_;
    rest.reserve(size);
    if (kept_at_ > 0) {
      rest.append(kept_, kept_at_);
      let_go(out);
    }
    for (std::string_view piece : lent_) rest.append(piece);
    kept_ = std::move(rest);
    kept_at_ = 0;
  }
  lent_.clear();
}

void H2Body::drop(Output* out) {
  let_go(out);
  lent_.clear();
  size_ = 0;
}

void H2Body::let_go(Output* out) {
  if (out && kept_at_ > 0) out->own(std::move(kept_));
  std::string().swap(kept_);
  kept_at_ = 0;
}

}  // namespace weir::codec

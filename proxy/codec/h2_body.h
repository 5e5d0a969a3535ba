// The body bytes of one stream that wait to be framed. What is given is lent until the flush of its turn;
// what was not framed by then is copied, and waits here. Framing copies nothing but little pieces: Output
// gets views, and owns the copy once this lets go of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec/output.h"

namespace weir::codec {

class H2Body {
 public:
  std::size_t size() const { return size_; }
  std::size_t lent() const { return size_ - (kept_.size() - kept_at_); }
  bool empty() const { return size_ == 0; }

  void lend(std::string_view bytes);
  // Moves the first `bytes` to `out`.
  void frame(std::size_t bytes, Output& out);
  // The turn is over: copies what is still lent. `out` is what was framed into, if anything was.
  void keep(Output* out);
  void drop(Output* out);

 private:
  void frame_kept(std::size_t bytes, Output& out);
  void let_go(Output* out);

  std::vector<std::string_view> lent_;
  std::string kept_;  // comes before what is lent
  std::size_t kept_at_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weir::codec

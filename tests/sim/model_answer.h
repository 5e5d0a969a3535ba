// The final answer to one request as its client reads it, in every version of HTTP: that it is the answer to
// this request, its bytes are those that its node sent, and it is whole where it says so.
#pragma once

#include <string_view>

#include "tests/sim/message_reader.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class ModelAnswer {
 public:
  ModelAnswer(const SimWorld& world, TrialBook& book) : world_(world), book_(book) {}

  void begin(RequestId id, const MessageHead& head);
  void begin_tunnel(RequestId id);
  bool local() const { return local_; }  // of Weir itself
  void add(std::string_view bytes);
  void check_trailers(const MessageHead& trailers) const;
  void end();
  // A tunnel may have ended by that: all has come that its node sends.
  bool has_whole_tunnel() const { return tunnel_ && size_ == whole_size(*book_.find(id_), attempt_); }

 private:
  void check_date(const MessageHead& head) const;

  const SimWorld& world_;
  TrialBook& book_;
  RequestId id_ = 0;
  bool local_ = false;
  bool tunnel_ = false;
  std::uint32_t attempt_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace weir::sim

// The cookie that a client has of Weir, or says that it has: what its requests say of it, and what answers do
// with it.
#pragma once

#include <string>

#include "tests/sim/message_reader.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class ModelCookies {
 public:
  ModelCookies(const ClientPlan& plan, TrialBook& book) : plan_(plan), book_(book) {}

  // What Cookie says in the request, for the book too; "": it has none.
  std::string bring(RequestId id);
  // The final answer's head.
  void see(RequestId id, const MessageHead& head);

 private:
  void take(RequestEntry& entry, RequestId id, std::string_view made, std::size_t attempt);

  const ClientPlan& plan_;
  TrialBook& book_;
  std::string value_;
};

}  // namespace weir::sim

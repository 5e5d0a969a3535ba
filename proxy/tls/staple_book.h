// What authorities have said of certificates when they were asked, by the certificates' fingerprints: of the
// process, so that a certificate that is read anew keeps it. Any thread; a handshake asks once, if its client
// wants to know.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "proxy/tls/staple.h"

namespace weir::tls {

class StapleBook {
 public:
  StaplePtr find(const std::string& fingerprint) const {
    const std::lock_guard lock(mutex_);
    const auto found = staples_.find(fingerprint);
    return found != staples_.end() ? found->second : nullptr;
  }
  void put(const std::string& fingerprint, StaplePtr staple) {
    const std::lock_guard lock(mutex_);
    staples_[fingerprint] = std::move(staple);
  }
  // The others are forgotten.
  void keep(const std::set<std::string>& fingerprints) {
    const std::lock_guard lock(mutex_);
    std::erase_if(staples_, [&](const auto& each) { return !fingerprints.contains(each.first); });
  }

  static StapleBook& of_process() {
    static StapleBook book;
    return book;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, StaplePtr> staples_;
};

}  // namespace weir::tls

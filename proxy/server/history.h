// The configurations that were in force, the last ten: what they said, who brought them, what became of them;
// and to which of them one may go back. Owned by the Reloader; control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "proxy/admin/operations.h"
#include "proxy/config/config.h"

namespace weir::server {

class History {
 public:
  static constexpr std::size_t kMost = 10;  // the one to go back to among them, however long ago it was
  static constexpr std::size_t kMostChanges = 200;  // that are told of one

  struct Version {
    std::shared_ptr<const config::Config> config;
    std::shared_ptr<const std::string> text;
    std::string hash;
  };

  // One of another process's; `version.config` is null where nobody needs it.
  struct Past {
    Version version;
    admin::HistoryEntry told;
    bool confirmed = false;
    bool rejected = false;
  };

  // The first one is beyond doubt. It comes after `past`, the latest last, or is the last of it.
  History(Version first, std::int64_t wall_ms, const std::vector<Past>& past = {});

  // Another one is in force. It is in doubt until confirm(), unless `trust` says otherwise.
  enum class Trust : std::uint8_t { in_doubt, confirmed };
  void add(Version version, std::string author, std::vector<config::Change> changes, std::int64_t wall_ms,
           Trust trust);
  void confirm();
  // The one in force is about to be left, and nobody goes back to it.
  void reject(std::string reason);

  // The latest last.
  std::vector<Past> past() const { return {entries_.begin(), entries_.end()}; }

  const Version& in_force() const { return entries_.back().version; }
  bool in_doubt() const { return !entries_.back().confirmed; }
  // The latest before the one in force that was never rejected, and says something else; nullptr: there is
  // none.
  const Version* before() const;
  // The latest before the one in force that was never rejected and was confirmed, or came into force at this
  // time or earlier, since 1970: it has stood its test as well. nullptr: there is none.
  const Version* confirmed(std::int64_t wall_ms) const;
  std::vector<admin::HistoryEntry> entries() const;  // the latest first

 private:
  void forget_one();

  std::deque<Past> entries_;  // the latest last
};

}  // namespace weir::server

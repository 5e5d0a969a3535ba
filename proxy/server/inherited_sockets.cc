#include "proxy/server/inherited_sockets.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"

namespace weir::server {

void InheritedSockets::add(SocketGroup group) {
  places_.push_back(group.bound);
  groups_.push_back(std::move(group));
}

std::optional<SocketGroup> InheritedSockets::take(SocketGroup::Use use, const io::Address& address) {
  const auto same = [&](const SocketGroup& group) { return group.use == use && group.wanted == address; };
  const auto there = [&](const SocketGroup& group) { return group.bound == address; };
  auto found = std::find_if(groups_.begin(), groups_.end(), same);
  if (found == groups_.end()) found = std::find_if(groups_.begin(), groups_.end(), there);
  if (found == groups_.end()) return std::nullopt;
  std::optional<SocketGroup> taken(std::move(*found));
  groups_.erase(found);
  return taken;
}

void InheritedSockets::close_rest() {
  for (const SocketGroup& group : groups_) {
    if (group.maker == SocketMaker::service_manager)
      base::log_warning("a socket on {} was given, and no listener is there; it is closed",
                        group.bound.text());
    else if (group.bound.kind == io::Address::Kind::unix_path)
      files_.push_back(group.bound.text_);
  }
  groups_.clear();
}

void InheritedSockets::unlink_rest() {
  for (const std::string& file : files_) ::unlink(file.c_str());
  files_.clear();
}

}  // namespace weir::server

// The configuration that Weir went back to, kept beside the pid file: as long as the configuration file says
// what was taken back, a Weir that starts anew starts with this one. Blocking; any thread, one at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/read.h"

namespace weir::server {

class ConfirmedText {
 public:
  // Without a pid file ("") nothing is kept.
  explicit ConfirmedText(const std::string& pid_file);

  // To be used instead of a text with this hash. Says in the log when it cannot be written.
  void keep(std::string_view text, std::string_view rejected_hash) const;
  void forget() const;
  // What is to be used instead of the text of `file`, which has this hash, if there is such a one. Paths in
  // it begin where those of the file do.
  std::optional<config::Loaded> instead_of(std::string_view hash, const std::string& file) const;

 private:
  std::string path_;  // "": none
};

}  // namespace weir::server

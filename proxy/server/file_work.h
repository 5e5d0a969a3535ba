// What a change of the configuration does with its file: it is read, a node's line in it is changed, or an
// earlier text is put back. Blocking, so the executor's; what is found goes to the Reloader. The file is
// never written over what somebody else has just saved.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/admin/operations.h"
#include "proxy/config/config.h"
#include "proxy/config/diff.h"
#include "proxy/config/read.h"

namespace weir::server {

struct FileWork {
  config::Loaded loaded;                // what the file says now
  std::vector<config::Change> changes;  // against what is in force
  // Why nothing was done: of an edit, or of a text that cannot be put back.
  std::optional<admin::OrderReport> refusal;
  std::optional<std::string> before;  // what the file said, if it was written
};

// `in_force` is what changes are told against.
FileWork read_file(const std::string& file, const config::Config& in_force);
FileWork edit_file(const std::string& file, const config::Config& in_force, const admin::NodeOrder& order);
// The file says `text` again; what it said until now is kept as FILE.rejected.
FileWork put_back(const std::string& file, const config::Config& in_force, const std::string& text);
// After an edit, or a text put back, that could not be put in force. Says in the log what goes wrong.
void undo(const std::string& file, const std::string& before, const std::string& hash);

}  // namespace weir::server

// Puts an edited text where the file is that it was made from, whole or not at all, and never over an edit
// that somebody else saved meanwhile. The new file has the old one's mode, owner, group, access list and
// attributes; a symbolic link stays one. Blocks; any thread but a loop's. Whatever fails, the file is as it
// was and no other is left behind.
//
// The new file, written beside the old one and flushed, trades names with it (renameat2, RENAME_EXCHANGE); if
// what was traded in is not the text that was read, they trade back. Where a file system cannot do that, the
// file is compared once more and then replaced. An editor that has the old file open and writes into it after
// that is too late: its text is lost, as with every program that replaces files.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace weir::config {

// Has two files trade their names; the error as errno has it, or 0.
using Exchange = std::function<int(const std::string& a, const std::string& b)>;
int exchange_files(const std::string& a, const std::string& b);

// `hash` is that of the text that was read (hash_of). The reason is one sentence, with the way out.
base::Result<void, std::string> save(const std::string& path, std::string_view text, const std::string& hash,
                                     const Exchange& exchange = exchange_files);

}  // namespace weir::config

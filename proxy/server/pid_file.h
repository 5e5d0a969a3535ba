// The file that names the process to scripts. It is replaced in one step, so that nobody reads half of it,
// and removed at the end, if it still names this process: another one may have taken over, or been started
// with the same file meanwhile.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/result.h"

namespace weir::server {

class PidFile {
 public:
  // The error is a sentence for the log: the path cannot be written, or is something other than a file.
  static base::Result<std::unique_ptr<PidFile>, std::string> write(const std::string& path);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // It names this process again, whatever it says. Likewise.
  base::Result<void, std::string> renew() const;

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace weir::server

#include "proxy/server/confirmed_text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/base/replace_file.h"

namespace weir::server {
namespace {

constexpr std::string_view kHead = "# in force instead of the text with the hash ";

// Nobody else may have written it.
bool is_own_file(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

ConfirmedText::ConfirmedText(const std::string& pid_file)
    : path_(pid_file.empty() ? "" : pid_file + ".confirmed") {}

void ConfirmedText::keep(std::string_view text, std::string_view rejected_hash) const {
  if (path_.empty()) return;
  const auto written = base::replace_file(path_, fmt::format("{}{}\n{}", kHead, rejected_hash, text), 0600);
  if (!written)
    base::log_warning("a restart would take the configuration file again, as it is: {}", written.error());
}

void ConfirmedText::forget() const {
  if (!path_.empty() && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    base::log_warning("{} cannot be removed: {}", path_, std::strerror(errno));
}

std::optional<config::Loaded> ConfirmedText::instead_of(std::string_view hash,
                                                        const std::string& file) const {
  if (path_.empty() || !is_own_file(path_)) return std::nullopt;
  const config::Loaded kept = config::read_file(path_);
  const std::size_t line = kept.text.find('\n');
  if (line == kept.text.npos || kept.text.substr(0, line) != std::string(kHead) + std::string(hash))
    return std::nullopt;
  config::Loaded loaded = config::read_text(std::string_view(kept.text).substr(line + 1), file);
  loaded.text = kept.text.substr(line + 1);
  return loaded.config ? std::optional(std::move(loaded)) : std::nullopt;
}

}  // namespace weir::server

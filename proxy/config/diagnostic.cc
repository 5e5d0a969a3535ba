#include "proxy/config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

namespace weir::config {

std::string Diagnostic::text() const {
  std::string text = file;
  if (line > 0) text += fmt::format(":{}:{}", line, column);
  text += ": ";
  if (level == Level::warning) text += "warning: ";
  if (!path.empty()) text += path + ": ";
  return text + what;
}

void Report::error(Position at, std::string path, std::string what) {
  failed_ = true;
  add(Diagnostic::Level::error, at, std::move(path), std::move(what));
}

void Report::warning(Position at, std::string path, std::string what) {
  add(Diagnostic::Level::warning, at, std::move(path), std::move(what));
}

std::string Report::whole_path(const std::string& path) const {
  if (path.starts_with('/')) return path;
  std::error_code error;
  const auto whole = std::filesystem::absolute(std::filesystem::path(file_).parent_path() / path, error);
  return error ? path : whole.lexically_normal().string();
}

void Report::add(Diagnostic::Level level, Position at, std::string path, std::string what) {
  if (diagnostics_.size() > kMost) return;
  if (diagnostics_.size() == kMost) {
    diagnostics_.push_back({level, file_, INT32_MAX, 1, "", "too many messages; the rest is left out"});
    return;
  }
  diagnostics_.push_back({level, file_, at.line, at.column, std::move(path), std::move(what)});
}

std::vector<Diagnostic> Report::take() {
  std::sort(diagnostics_.begin(), diagnostics_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.line, a.column, a.path, a.what) < std::tie(b.line, b.column, b.path, b.what);
  });
  if (diagnostics_.size() > kMost) diagnostics_.back().line = diagnostics_.back().column = 0;
  return std::move(diagnostics_);
}

}  // namespace weir::config

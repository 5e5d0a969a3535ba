#include "proxy/observe/access_log_destination.h"

#include <unistd.h>

#include <utility>

#include <fmt/format.h>

#include "proxy/base/file_sink.h"
#include "proxy/base/log.h"
#include "proxy/base/syslog_sink.h"
#include "proxy/config/config.h"

namespace weir::observe {
namespace {

using Opened = base::Result<std::unique_ptr<base::LogSink>, std::string>;

Opened open_sink(const std::string& path) {
  if (path == "stdout") return base::FileSink::copy_of(STDOUT_FILENO);
  if (path == "stderr") return base::FileSink::copy_of(STDERR_FILENO);
  if (!path.starts_with(config::kSyslog)) return base::FileSink::open(path);
  auto syslog = std::make_unique<base::SyslogSink>(path.substr(config::kSyslog.size()));
  std::ignore = syslog->reopen();  // says itself that nobody listens there
  return std::unique_ptr<base::LogSink>(std::move(syslog));
}

base::LogWriter::Hooks hooks_of(const std::string& path) {
  auto on_lost = [path](base::LogWriter&, const base::LogWriter::Lost& lost) {
    base::log_warning("the access log {} lost {}; traffic goes on without", path, lost.text());
    return true;
  };
  auto on_reopened = [path](const base::Result<void, std::string>& reopened) {
    if (reopened)
      base::log_info("SIGUSR1: reopened the access log {}; later lines go to what is there now", path);
    else
      base::log_error("SIGUSR1: cannot reopen the access log {}: {}; lines still go to the old one", path,
                      reopened.error());
  };
  return {std::move(on_lost), std::move(on_reopened)};
}

}  // namespace

base::Result<base::LogWriter::Destination, std::string> open_destination(const std::string& path) {
  if (path == "off") return base::LogWriter::Destination{};
  Opened sink = open_sink(path);
  if (!sink) return base::unexpected(fmt::format("cannot open the access log {}: {}", path, sink.error()));
  return base::LogWriter::Destination{std::move(*sink), hooks_of(path)};
}

base::Result<std::unique_ptr<base::LogWriter>, std::string> open_access_log(const std::string& path) {
  auto opened = open_destination(path);
  if (!opened) return base::unexpected(std::move(opened.error()));
  return std::make_unique<base::LogWriter>(std::move(opened->sink), std::move(opened->hooks));
}

}  // namespace weir::observe

#include "proxy/server/file_work.h"

#include <sys/stat.h>

#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/base/replace_file.h"
#include "proxy/config/node_edit.h"
#include "proxy/config/save.h"
#include "proxy/config/source.h"
#include "proxy/io/address.h"

namespace weir::server {
namespace {

using Ordered = admin::OrderReport::Result;

FileWork refused(FileWork& work, Ordered result, std::string why) {
  work.refusal.emplace();
  work.refusal->result = result;
  work.refusal->error = std::move(why);
  return std::move(work);
}

config::NodeEdit edit_of(const admin::NodeOrder& order, const io::Address& address) {
  using From = admin::NodeOrder::Kind;
  using To = config::NodeEdit::Kind;
  const To kind = order.kind == From::add ? To::add : order.kind == From::remove ? To::remove : To::change;
  return {.kind = kind,
          .pool = order.pool,
          .address = address,
          .state = order.state,
          .weight = order.weight,
          .priority = order.priority,
          .backup = order.backup,
          .max_in_flight = order.max_in_flight,
          .max_connections = order.max_connections};
}

Ordered result_of(config::EditRefusal::Kind kind) {
  switch (kind) {
    case config::EditRefusal::Kind::not_found:
      return Ordered::not_found;
    case config::EditRefusal::Kind::invalid:
      return Ordered::invalid;
    case config::EditRefusal::Kind::conflict:
      break;
  }
  return Ordered::refused;
}

// A copy is for no other eyes than the file itself.
mode_t mode_of(const std::string& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 ? status.st_mode & 0777 : 0600;
}

std::string first_error(const config::Loaded& loaded) {
  for (const config::Diagnostic& diagnostic : loaded.diagnostics)
    if (diagnostic.level == config::Diagnostic::Level::error) return diagnostic.text();
  return "it cannot be read";
}

// The file has just been given this text.
void note_written(FileWork& work, const std::string& file, const config::Config& in_force, std::string text) {
  work.before = std::exchange(work.loaded.text, std::move(text));
  config::Loaded loaded = config::read_text(work.loaded.text, file);
  loaded.text = std::move(work.loaded.text);
  work.loaded = std::move(loaded);
  if (work.loaded.config) work.changes = config::diff(in_force, *work.loaded.config);
}

}  // namespace

FileWork read_file(const std::string& file, const config::Config& in_force) {
  FileWork work;
  work.loaded = config::read_file(file);
  if (work.loaded.config) work.changes = config::diff(in_force, *work.loaded.config);
  return work;
}

FileWork edit_file(const std::string& file, const config::Config& in_force, const admin::NodeOrder& order) {
  FileWork work = read_file(file, in_force);
  if (!work.loaded.config)
    return refused(work, Ordered::refused,
                   fmt::format("{} is not valid as it is now: {}; mend it first, or say temporary", file,
                               first_error(work.loaded)));
  const auto address = io::Address::parse(order.address);
  if (!address)
    return refused(
        work, Ordered::invalid,
        fmt::format("\"{}\" is no address; write HOST:PORT, [IPV6]:PORT or unix:/PATH", order.address));
  auto edited = config::edit_node(work.loaded.text, file, edit_of(order, *address));
  if (!edited) return refused(work, result_of(edited.error().kind), std::move(edited.error().reason));
  if (edited->text == work.loaded.text) return work;
  if (const auto saved = config::save(file, edited->text, work.loaded.hash); !saved)
    return refused(work, Ordered::refused, saved.error());
  note_written(work, file, in_force, std::move(edited->text));
  return work;
}

FileWork put_back(const std::string& file, const config::Config& in_force, const std::string& text) {
  FileWork work = read_file(file, in_force);
  if (work.loaded.text == text) return work;
  if (work.loaded.hash.empty()) return refused(work, Ordered::refused, first_error(work.loaded));
  if (const auto saved = config::save(file, text, work.loaded.hash); !saved)
    return refused(work, Ordered::refused, saved.error());
  const auto kept = base::replace_file(file + ".rejected", work.loaded.text, mode_of(file));
  if (!kept) {
    undo(file, work.loaded.text, config::hash_of(text));
    return refused(work, Ordered::refused, kept.error());
  }
  note_written(work, file, in_force, text);
  return work;
}

void undo(const std::string& file, const std::string& before, const std::string& hash) {
  if (const auto saved = config::save(file, before, hash); !saved)
    base::log_error("{} says what is not in force, and stays so: {}", file, saved.error());
}

}  // namespace weir::server

#include "proxy/config/save.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "proxy/config/replacement_file.h"
#include "proxy/config/source.h"

namespace weir::config {

namespace {

using Saved = base::Result<void, std::string>;

constexpr std::string_view kElsewhere = "edit the file where it comes from, or say --temporary";
constexpr const char* kEdited = "was edited meanwhile, and is left as it is; look at it and try again";

std::string elsewhere(std::string_view what) {
  return fmt::format("{}; {}", what, kElsewhere);
}

// Empty if there is no such file, or it can't be read.
std::string hash_of_file(const std::string& path) {
  Report report(path);
  const auto text = load(path, report);
  return text ? hash_of(*text) : std::string();
}

// A volume of Kubernetes (ConfigMap, Secret) is folders that are exchanged as a whole; their names begin with
// two dots.
bool is_volume(const std::filesystem::path& folder) {
  return folder.filename().string().starts_with("..");
}

// Why the file, which is no symbolic link, is not to be replaced; empty: it is.
std::string why_not(const std::string& real) {
  struct stat status;
  if (lstat(real.c_str(), &status) != 0) return std::string("can't be read: ") + std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return elsewhere("is no regular file");
  if (status.st_nlink > 1)
    return fmt::format("has {} names (hard links), of which only one would get the edit; {}",
                       static_cast<unsigned long>(status.st_nlink), kElsewhere);
  if ((status.st_mode & 0222) == 0 || access(real.c_str(), W_OK) != 0) return elsewhere("is read-only");
  if (is_volume(std::filesystem::path(real).parent_path()))
    return elsewhere("is in a Kubernetes volume, which is written from elsewhere");
  return {};
}

void flush_folder(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path();
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

// A file that is mounted by itself cannot change its name.
std::string cannot_be_replaced(int error) {
  if (error == EBUSY || error == EXDEV)
    return elsewhere(
        "is mounted by itself, so that it cannot be replaced (its folder can be mounted instead)");
  return elsewhere(std::string("can't be replaced: ") + std::strerror(error));
}

// The file's place and its replacement's.
struct Swap {
  const std::string& real;
  ReplacementFile& made;
  const std::string& read;  // hashes: what was read, and what is to come
  std::string written;
  const Exchange& exchange;

  Saved run();

 private:
  Saved without_exchange();
  void put_back();
};

Saved Swap::run() {
  const int error = exchange(made.path(), real);
  if (error == EINVAL || error == ENOSYS || error == EOPNOTSUPP) return without_exchange();
  if (error != 0) return base::unexpected(cannot_be_replaced(error));
  if (hash_of_file(made.path()) == read) return {};
  put_back();
  return base::unexpected(std::string(kEdited));
}

// Whoever saved last has the last word, also within these moments: if it is no longer the edit that is traded
// out again, somebody wrote over it.
void Swap::put_back() {
  if (exchange(made.path(), real) != 0) {
    if (rename(made.path().c_str(), real.c_str()) == 0) made.forget();
    return;
  }
  if (hash_of_file(made.path()) != written) exchange(made.path(), real);
}

Saved Swap::without_exchange() {
  if (hash_of_file(real) != read) return base::unexpected(std::string(kEdited));
  if (rename(made.path().c_str(), real.c_str()) != 0) return base::unexpected(cannot_be_replaced(errno));
  made.forget();
  return {};
}

std::optional<std::string> resolved(const std::string& path) {
  char* const real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return std::nullopt;
  std::string out = real;
  free(real);
  return out;
}

Saved replace(const std::string& real, std::string_view text, const std::string& hash,
              const Exchange& exchange) {
  if (std::string why = why_not(real); !why.empty()) return base::unexpected(std::move(why));
  if (hash_of_file(real) != hash) return base::unexpected(std::string(kEdited));
  ReplacementFile made(real);
  if (const std::string why = made.write(text); !why.empty()) return base::unexpected(elsewhere(why));
  return Swap{real, made, hash, hash_of(text), exchange}.run();
}

}  // namespace

int exchange_files(const std::string& a, const std::string& b) {
  return renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0 ? 0 : errno;
}

Saved save(const std::string& path, std::string_view text, const std::string& hash,
           const Exchange& exchange) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return base::unexpected(fmt::format("{} can't be read: {}", path, std::strerror(errno)));
  if (!S_ISREG(status.st_mode))
    return base::unexpected(fmt::format("{} {}", path, elsewhere("is no regular file")));
  const auto real = resolved(path);
  if (!real) return base::unexpected(fmt::format("{} {}", path, elsewhere("is no file that has a name")));
  const Saved saved = replace(*real, text, hash, exchange);
  if (!saved) return base::unexpected(fmt::format("{} {}", path, saved.error()));
  flush_folder(*real);
  return {};
}

}  // namespace weir::config

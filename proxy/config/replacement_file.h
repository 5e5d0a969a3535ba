// A file that is to replace another one: made in its folder under a name of its own, with all that the other
// one has beside its text. Gone with the object, unless it took the other's place; then what has its name by
// that time goes. One thread.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

namespace weir::config {

class ReplacementFile {
 public:
  // Of the file at `path`, which is no symbolic link.
  explicit ReplacementFile(const std::string& path);
  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;
  ~ReplacementFile();

  // What went wrong; empty: the text is on the disk.
  std::string write(std::string_view text);
  const std::string& path() const { return path_; }
  void forget() { path_.clear(); }  // the name is no longer its own

 private:
  bool like_original();
  bool write_all(std::string_view text);

  int original_;
  std::string path_;  // empty: there is none
  int file_ = -1;
  int error_ = 0;
  struct stat status_{};
};

}  // namespace weir::config

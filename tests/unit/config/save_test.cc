// Edited texts on their way into their files, and all that may stand in the way. No folder may hold anything
// afterwards that was not there.
#include "proxy/config/save.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "proxy/config/source.h"
#include "tests/unit/catch.h"
#include "tests/unit/config/files.h"

using namespace weir::config;
namespace fs = std::filesystem;

namespace {

constexpr const char* kOld = "old: 1\n";
constexpr const char* kNew = "new: 2\n";
constexpr const char* kOther = "other: 3\n";
const std::string kElsewhere = "; edit the file where it comes from, or say --temporary";
const std::string kEdited = " was edited meanwhile, and is left as it is; look at it and try again";

// A folder with the file f.yaml, as it was read.
struct SavedFile {
  SavedFile() {
    char name[] = "/tmp/weir-save-XXXXXX";
    root = mkdtemp(name);
    file = root / "f.yaml";
    write(file, kOld);
  }
  ~SavedFile() {
    chmod(root.c_str(), 0700);
    fs::remove_all(root);
  }

  static void write(const fs::path& path, const char* text) { std::ofstream(path, std::ios::binary) << text; }
  // As editors do it.
  static void write_and_rename(const fs::path& path, const char* text) {
    write(path.string() + "~", text);
    fs::rename(path.string() + "~", path);
  }
  std::string saved(const fs::path& path, const Exchange& exchange = exchange_files) const {
    const auto before = names();
    const auto done = save(path, kNew, hash_of(kOld), exchange);
    CHECK(names() == before);
    return done ? "saved" : done.error().substr(path.string().size());
  }
  std::string saved(const Exchange& exchange = exchange_files) const { return saved(file, exchange); }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root)) found.insert(entry.path());
    return found;
  }
  struct stat status() const {
    struct stat status{};
    stat(file.c_str(), &status);
    return status;
  }

  fs::path root, file;
};

// The process is nobody while it lives, if it was root.
struct Nobody {
  Nobody() {
    if (geteuid() == 0) became = setegid(65534) == 0 && seteuid(65534) == 0;
  }
  ~Nobody() {
    if (became) became = seteuid(0) == 0 && setegid(0) == 0;
  }
  bool became = false;
};

}  // namespace

TEST_CASE("a text is saved") {
  const SavedFile folder;
  CHECK(folder.saved() == "saved");
  CHECK(contents(folder.file) == kNew);
}

TEST_CASE("a file that is replaced keeps its mode and its owner") {
  const SavedFile folder;
  REQUIRE(chmod(folder.file.c_str(), 0640) == 0);
  const bool root = geteuid() == 0;
  if (root) REQUIRE(chown(folder.file.c_str(), 65533, 65532) == 0);
  const struct stat before = folder.status();
  CHECK(folder.saved() == "saved");
  CHECK(folder.status().st_mode == before.st_mode);
  CHECK(folder.status().st_uid == before.st_uid);
  CHECK(folder.status().st_gid == before.st_gid);
  CHECK(folder.status().st_ino != before.st_ino);
}

TEST_CASE("a file that is replaced keeps its attributes") {
  const SavedFile folder;
  if (setxattr(folder.file.c_str(), "user.weir", "kept", 4, 0) != 0) return;  // the file system has none
  CHECK(folder.saved() == "saved");
  char value[8] = {};
  CHECK(getxattr(folder.file.c_str(), "user.weir", value, sizeof value) == 4);
  CHECK(std::string(value) == "kept");
}

TEST_CASE("a file that is replaced keeps its access list, and gets none from the folder") {
  const SavedFile folder;
  // linux/posix_acl_xattr.h: the version; tag, permissions and who, for the owner, the user 65531, the group,
  // the mask and others.
  const auto list = [](char user) {
    const char none = '\xff', rw = 6, r = 4;
    const char bytes[] = {2,      0,      0,    0,    1,  0, rw, 0, none, none, none, none, 2,  0, user, 0,
                          '\xfb', '\xff', 0,    0,    4,  0, r,  0, none, none, none, none, 16, 0, rw,   0,
                          none,   none,   none, none, 32, 0, r,  0, none, none, none, none};
    return std::string(bytes, sizeof bytes);
  };
  const std::string mine = list(4), folders = list(6);
  const auto set = [](const fs::path& path, const char* name, const std::string& value) {
    return setxattr(path.c_str(), name, value.data(), value.size(), 0) == 0;
  };
  if (!set(folder.root, "system.posix_acl_default", folders)) return;  // the file system has none
  const bool has_list = GENERATE(true, false);
  if (has_list) REQUIRE(set(folder.file, "system.posix_acl_access", mine));
  const mode_t mode = folder.status().st_mode;
  CHECK(folder.saved() == "saved");
  char value[64];
  const ssize_t size = getxattr(folder.file.c_str(), "system.posix_acl_access", value, sizeof value);
  CHECK(std::string(value, static_cast<std::size_t>(std::max<ssize_t>(size, 0))) == (has_list ? mine : ""));
  CHECK(folder.status().st_mode == mode);
}

TEST_CASE("a symbolic link stays one, and what it names is replaced") {
  const SavedFile folder;
  fs::create_directory(folder.root / "real");
  fs::rename(folder.file, folder.root / "real" / "g.yaml");
  fs::create_symlink("real/g.yaml", folder.file);
  CHECK(folder.saved() == "saved");
  CHECK(fs::is_symlink(folder.file));
  CHECK(contents(folder.root / "real" / "g.yaml") == kNew);
}

TEST_CASE("a file that was edited before is left as it is") {
  const SavedFile folder;
  SavedFile::write(folder.file, kOther);
  CHECK(folder.saved() == kEdited);
  CHECK(contents(folder.file) == kOther);
}

TEST_CASE("a file that is edited at the last moment gets that edit back") {
  const SavedFile folder;
  const auto write = GENERATE(&SavedFile::write, &SavedFile::write_and_rename);
  int calls = 0;
  const auto edited_first = [&](const std::string& a, const std::string& b) {
    if (++calls == 1) write(folder.file, kOther);
    return exchange_files(a, b);
  };
  CHECK(folder.saved(edited_first) == kEdited);
  CHECK(contents(folder.file) == kOther);
  CHECK(calls == 2);
}

TEST_CASE("a file that is edited again while it gets an edit back has the later one") {
  const SavedFile folder;
  int calls = 0;
  const auto edited_twice = [&](const std::string& a, const std::string& b) {
    if (++calls <= 2) SavedFile::write_and_rename(folder.file, calls == 1 ? kOther : "later: 4\n");
    return exchange_files(a, b);
  };
  CHECK(folder.saved(edited_twice) == kEdited);
  CHECK(contents(folder.file) == "later: 4\n");
}

TEST_CASE("an edit that cannot be traded back is moved back") {
  const SavedFile folder;
  int calls = 0;
  const auto once = [&](const std::string& a, const std::string& b) {
    if (++calls > 1) return EIO;
    SavedFile::write(folder.file, kOther);
    return exchange_files(a, b);
  };
  CHECK(folder.saved(once) == kEdited);
  CHECK(contents(folder.file) == kOther);
}

TEST_CASE("where names cannot be traded the file is compared and replaced") {
  const SavedFile folder;
  const int error = GENERATE(EINVAL, ENOSYS, EOPNOTSUPP);
  CHECK(folder.saved([&](auto&, auto&) { return error; }) == "saved");
  CHECK(contents(folder.file) == kNew);
}

TEST_CASE("and left as it is if it was edited") {
  const SavedFile folder;
  CHECK(folder.saved([&](auto&, auto&) {
    SavedFile::write_and_rename(folder.file, kOther);
    return EINVAL;
  }) == kEdited);
  CHECK(contents(folder.file) == kOther);
}

TEST_CASE("whatever else the kernel says to the trade is a refusal") {
  const SavedFile folder;
  CHECK(folder.saved([](auto&, auto&) { return EPERM; }) ==
        " can't be replaced: Operation not permitted" + kElsewhere);
  CHECK(folder.saved([](auto&, auto&) { return EBUSY; }) ==
        " is mounted by itself, so that it cannot be replaced (its folder can be mounted instead)" +
            kElsewhere);
  CHECK(contents(folder.file) == kOld);
}

TEST_CASE("a file that is read-only is not written") {
  const SavedFile folder;
  REQUIRE(chmod(folder.file.c_str(), 0444) == 0);
  CHECK(folder.saved() == " is read-only" + kElsewhere);
  CHECK(contents(folder.file) == kOld);
}

TEST_CASE("a folder that is read-only gets no file") {
  const SavedFile folder;
  REQUIRE(chmod(folder.file.c_str(), 0666) == 0);
  REQUIRE(chmod(folder.root.c_str(), 0555) == 0);
  const Nobody nobody;
  CHECK(folder.saved() ==
        " is in a folder where no new file can be written (Permission denied)" + kElsewhere);
}

TEST_CASE("a file whose owner cannot be kept is not replaced") {
  const SavedFile folder;
  REQUIRE(chmod(folder.file.c_str(), 0666) == 0);
  REQUIRE(chmod(folder.root.c_str(), 0777) == 0);
  const Nobody nobody;
  if (!nobody.became) return;  // only root makes files of others
  CHECK(folder.saved() ==
        " has an owner, a group or attributes that a new file cannot be given (Operation not permitted)" +
            kElsewhere);
  CHECK(contents(folder.file) == kOld);
}

TEST_CASE("a file of several names is not replaced") {
  const SavedFile folder;
  fs::create_hard_link(folder.file, folder.root / "second");
  CHECK(folder.saved() == " has 2 names (hard links), of which only one would get the edit" + kElsewhere);
  CHECK(contents(folder.root / "second") == kOld);
}

TEST_CASE("what Kubernetes mounts is written from elsewhere") {
  const SavedFile folder;
  fs::create_directory(folder.root / "..2026_11_29");
  fs::rename(folder.file, folder.root / "..2026_11_29" / "f.yaml");
  fs::create_symlink("..2026_11_29", folder.root / "..data");
  fs::create_symlink("..data/f.yaml", folder.file);
  CHECK(folder.saved() == " is in a Kubernetes volume, which is written from elsewhere" + kElsewhere);
  CHECK(contents(folder.file) == kOld);
}

TEST_CASE("what is no file with a name and a text is not replaced") {
  const SavedFile folder;
  const fs::path pipe = folder.root / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(folder.saved(pipe) == " is no regular file" + kElsewhere);
  CHECK(folder.saved(folder.root) == " is no regular file" + kElsewhere);
  CHECK(folder.saved("/dev/null") == " is no regular file" + kElsewhere);
  CHECK(folder.saved(folder.root / "none") == " can't be read: No such file or directory");
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(folder.saved("/dev/fd/" + std::to_string(ends[0])) == " is no regular file" + kElsewhere);
  close(ends[0]), close(ends[1]);
  const int gone = open(folder.file.c_str(), O_RDONLY);
  fs::remove(folder.file);
  CHECK(folder.saved("/dev/fd/" + std::to_string(gone)) == " is no file that has a name" + kElsewhere);
  close(gone);
}

#include "proxy/epoll/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "proxy/epoll/descriptor_watch.h"
#include "proxy/epoll/epoll_runtime.h"

namespace weir::epoll {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel follows
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
// Of the file itself, which may be written by another name, or be what is mounted over its own.
constexpr std::uint32_t kFileEvents = IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

// The kernel's watches over some folders, and the names in each that matter.
class FileWatch::Inotify {
 public:
  explicit Inotify(FileWatch& owner) : owner_(owner), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (fd_ >= 0) watch_.emplace(owner_.runtime_, fd_, [this] { on_ready(); });
  }
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;
  ~Inotify() {
    watch_.reset();
    if (fd_ >= 0) ::close(fd_);
  }

  bool works() const { return fd_ >= 0; }
  bool add(const fs::path& folder, const std::string& name) {
    const int number = ::inotify_add_watch(fd_, folder.c_str(), kEvents);
    if (number >= 0) names_[number].insert(name);
    return number >= 0;
  }
  void add_file(const fs::path& file) { ::inotify_add_watch(fd_, file.c_str(), kFileEvents); }

  // Whether something has happened since this was asked last.
  bool take_events() {
    alignas(inotify_event) char events[4096];
    bool matters = false;
    for (ssize_t size = 0; (size = ::read(fd_, events, sizeof events)) > 0;)
      for (const char* at = events; at < events + size;) {
        const auto& event = *reinterpret_cast<const inotify_event*>(at);
        at += sizeof event + event.len;
        matters = matters || does_matter(event);
      }
    return matters;
  }

 private:
  void on_ready() {
    if (take_events()) owner_.on_event();
  }

  // Without a name it is the folder itself that has gone, or too much has happened to say what.
  bool does_matter(const inotify_event& event) const {
    if (event.len == 0) return (event.mask & IN_IGNORED) == 0;
    const auto names = names_.find(event.wd);
    return names != names_.end() && names->second.contains(event.name);
  }

  FileWatch& owner_;
  const int fd_;
  std::optional<DescriptorWatch> watch_;
  std::map<int, std::set<std::string>> names_;  // by the number of the folder's watch
};

FileWatch::FileWatch(EpollRuntime& runtime, std::string path, std::function<void()> changed)
    : runtime_(runtime),
      path_(std::move(path)),
      changed_(std::move(changed)),
      timer_(runtime.timers(), *this) {
  watch();
}

FileWatch::~FileWatch() = default;

// Anew, since another path may lead there by now. What it watched before goes only then.
void FileWatch::watch() {
  auto next = std::make_unique<Inotify>(*this);
  if (!next->works()) return timer_.set(std::min(timer_.at(), runtime_.now() + kLookAgain));
  const auto before = std::exchange(inotify_, std::move(next));
  leads_somewhere_ = watch_path();
  if (before && before->take_events()) on_event();  // before the others watched
  if (!leads_somewhere_) timer_.set(std::min(timer_.at(), runtime_.now() + kLookAgain));
}

// Each folder in which a step of the path could be changed to lead elsewhere, and the file. Of folders above
// that may not be looked into, nothing is noticed.
bool FileWatch::watch_path() {
  std::error_code error;
  fs::path rest = fs::absolute(path_, error);
  fs::path at = rest.root_path();
  rest = rest.relative_path();
  for (int links = 0; !rest.empty();) {
    const fs::path step = *rest.begin();
    rest = rest.lexically_relative(step);
    if (rest == ".") rest.clear();
    const bool watched = inotify_->add(at, step.string());
    if (rest.empty() && !watched) return false;
    const fs::file_status status = fs::symlink_status(at / step, error);
    if (status.type() == fs::file_type::not_found || error) return false;
    if (status.type() != fs::file_type::symlink) {
      at /= step;
      continue;
    }
    if (++links > kMostLinks) return false;
    const fs::path target = fs::read_symlink(at / step, error);
    if (error) return false;
    rest = rest.empty() ? target : target / rest;
    if (rest.is_absolute()) {
      at = rest.root_path();
      rest = rest.relative_path();
    }
  }
  inotify_->add_file(at);
  return true;
}

void FileWatch::on_event() {
  const base::Time now = runtime_.now();
  burst_began_ = std::min(burst_began_, now);
  timer_.set(std::min(now + kQuiet, burst_began_ + kMostBurst));
}

void FileWatch::on_timer() {
  const bool led_somewhere = leads_somewhere_;
  watch();
  const bool is_new = leads_somewhere_ && !led_somewhere;
  if (std::exchange(burst_began_, base::kNever) == base::kNever && !is_new) return;
  changed_();
}

}  // namespace weir::epoll

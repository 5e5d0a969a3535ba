#include <fcntl.h>
#include <unistd.h>

#include "proxy/server/commands.h"

// A process may be started without its standard descriptors. Whatever is opened first would then be taken for
// one of them.
static void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
}

int main(int argc, char** argv) {
  open_standard_descriptors();
  return weir::server::run_command(argc, argv);
}

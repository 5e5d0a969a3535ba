#include "proxy/server/commands.h"

int main(int argc, char** argv) {
  return weir::server::run_command(argc, argv);
}

#include "proxy/admin/dashboard.h"

// The assembler copies the file as it is. CMake says where it lies (WEIR_DASHBOARD), and builds this anew
// when it changes.
asm(R"(
  .pushsection .rodata
  .hidden weir_dashboard_begin
  .global weir_dashboard_begin
weir_dashboard_begin:
  .incbin ")" WEIR_DASHBOARD R"("
  .hidden weir_dashboard_end
  .global weir_dashboard_end
weir_dashboard_end:
  .byte 0
  .popsection
)");

extern "C" {
extern const char weir_dashboard_begin[];  // NOLINT(readability-identifier-naming): the assembler's names
extern const char weir_dashboard_end[];    // NOLINT(readability-identifier-naming)
}

namespace weir::admin {

std::string_view dashboard_page() {
  return {weir_dashboard_begin, weir_dashboard_end};
}

}  // namespace weir::admin

#include "proxy/admin/dashboard.h"

// The assembler copies the file as it is. CMake says where it lies (WEIR_DASHBOARD), and builds this anew
// when it changes.
asm(R"(
  .pushsection .rodata
  .hidden kWeirDashboardBegin
  .global kWeirDashboardBegin
kWeirDashboardBegin:
  .incbin ")" WEIR_DASHBOARD R"("
  .hidden kWeirDashboardEnd
  .global kWeirDashboardEnd
kWeirDashboardEnd:
  .byte 0
  .popsection
)");

extern "C" {
extern const char kWeirDashboardBegin[];
extern const char kWeirDashboardEnd[];
}

namespace weir::admin {

std::string_view dashboard_page() {
  return {kWeirDashboardBegin, kWeirDashboardEnd};
}

}  // namespace weir::admin

// What the compiler calls for the thread sanitizer (-fsanitize=thread), given another meaning: before each
// atomic operation of the code that was compiled so, other loops of the simulated world may go on, as threads
// would. The sources are the production ones; only the calls that the compiler adds to them end here.
// Accesses that are not atomic are left alone, and so are all while a mutex is held (the linker sends those
// calls here, too): there is one thread, and another loop that wants the same mutex would wait for itself.
#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "tests/sim/sim_world.h"

namespace {

using weir::sim::SimWorld;

thread_local int locks = 0;  // held

void step() {
  if (locks > 0) return;
  if (SimWorld* world = SimWorld::stepping()) world->preempt_at_atomic();
}

}  // namespace

// NOLINTBEGIN: the names are the compiler's
extern "C" {

int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t* mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  const int failed = __real_pthread_mutex_lock(mutex);
  if (failed == 0) ++locks;
  return failed;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  --locks;
  return __real_pthread_mutex_unlock(mutex);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void*, void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_read_range(void*, std::size_t) {}
void __tsan_write_range(void*, std::size_t) {}
void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {}

#define WEIR_PLAIN(size)                     \
  void __tsan_read##size(void*) {}           \
  void __tsan_write##size(void*) {}          \
  void __tsan_unaligned_read##size(void*) {} \
  void __tsan_unaligned_write##size(void*) {}
WEIR_PLAIN(1)
WEIR_PLAIN(2)
WEIR_PLAIN(4)
WEIR_PLAIN(8)
WEIR_PLAIN(16)

// Whatever order was asked for: the strongest is right for all, and there is one thread.
#define WEIR_CHANGE(bits, name)                                                      \
  std::uint##bits##_t __tsan_atomic##bits##_##name(volatile std::uint##bits##_t* at, \
                                                   std::uint##bits##_t value, int) { \
    step();                                                                          \
    return __atomic_##name(at, value, __ATOMIC_SEQ_CST);                             \
  }
#define WEIR_COMPARE(bits, name)                                                                        \
  int __tsan_atomic##bits##_compare_exchange_##name(volatile std::uint##bits##_t* at,                   \
                                                    std::uint##bits##_t* expected,                      \
                                                    std::uint##bits##_t value, int, int) {              \
    step();                                                                                             \
    return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }
#define WEIR_ATOMIC(bits)                                                                                    \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* at, int) {              \
    step();                                                                                                  \
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                            \
  }                                                                                                          \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* at, std::uint##bits##_t value, int) {       \
    step();                                                                                                  \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                           \
  }                                                                                                          \
  std::uint##bits##_t __tsan_atomic##bits##_exchange(volatile std::uint##bits##_t* at,                       \
                                                     std::uint##bits##_t value, int) {                       \
    step();                                                                                                  \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                          \
  std::uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                            \
      volatile std::uint##bits##_t* at, std::uint##bits##_t expected, std::uint##bits##_t value, int, int) { \
    step();                                                                                                  \
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
    return expected;                                                                                         \
  }                                                                                                          \
  WEIR_COMPARE(bits, strong)                                                                                 \
  WEIR_COMPARE(bits, weak)                                                                                   \
  WEIR_CHANGE(bits, fetch_add)                                                                               \
  WEIR_CHANGE(bits, fetch_sub)                                                                               \
  WEIR_CHANGE(bits, fetch_and)                                                                               \
  WEIR_CHANGE(bits, fetch_or)                                                                                \
  WEIR_CHANGE(bits, fetch_xor)
WEIR_ATOMIC(8)
WEIR_ATOMIC(16)
WEIR_ATOMIC(32)
WEIR_ATOMIC(64)

}  // extern "C"
// NOLINTEND

// io_uring: what is put into its rings comes by no function that could be taken over.
#include <atomic>
#include <cerrno>
#include <cstddef>

#include <dlfcn.h>

#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/uring.hpp"

namespace fairlead::preload {

int refuse_uring() {
    static constexpr char kLine[] =
        "fairlead run: io_uring is refused (ENOSYS): its calls would pass the host by\n";
    static std::atomic<bool> is_said{false};
    if (!is_said.exchange(true)) (void)!real().write(STDERR_FILENO, kLine, sizeof kLine - 1);
    return -ENOSYS;
}

namespace {

// As liburing has it: what is the library's own is asked for only where there is no host.
template <typename F, typename... A>
int ask_liburing(const char* name, A... arguments) {
    if (is_hosted()) return refuse_uring();
    auto* real = reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
    return real == nullptr ? -ENOSYS : real(arguments...);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

struct io_uring;
struct io_uring_params;

FAIRLEAD_TAKEN int io_uring_setup(unsigned entries, io_uring_params* how);
FAIRLEAD_TAKEN int io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags);
FAIRLEAD_TAKEN int io_uring_queue_init_params(unsigned entries, io_uring* ring,
                                              io_uring_params* how);
FAIRLEAD_TAKEN int io_uring_queue_init_mem(unsigned entries, io_uring* ring, io_uring_params* how,
                                           void* memory, size_t size);

int io_uring_setup(unsigned entries, io_uring_params* how) {
    return ask_liburing<decltype(io_uring_setup)>("io_uring_setup", entries, how);
}

int io_uring_queue_init(unsigned entries, io_uring* ring, unsigned flags) {
    return ask_liburing<decltype(io_uring_queue_init)>("io_uring_queue_init", entries, ring, flags);
}

int io_uring_queue_init_params(unsigned entries, io_uring* ring, io_uring_params* how) {
    return ask_liburing<decltype(io_uring_queue_init_params)>("io_uring_queue_init_params", entries,
                                                              ring, how);
}

int io_uring_queue_init_mem(unsigned entries, io_uring* ring, io_uring_params* how, void* memory,
                            size_t size) {
    return ask_liburing<decltype(io_uring_queue_init_mem)>("io_uring_queue_init_mem", entries, ring,
                                                           how, memory, size);
}

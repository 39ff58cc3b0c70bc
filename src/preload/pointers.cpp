#include "preload/pointers.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>

#include "preload/real.hpp"
#include "preload/restricted.hpp"

namespace fairlead::preload {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::size_t kKnown = 4096;
constexpr std::size_t kSignalSet = 8;

// By page: its number, doubled, and one more where it can be written.
using Known = std::array<std::atomic<std::uintptr_t>, kKnown>;
Known g_known{};

// rt_sigprocmask() reads the set before it finds that there is no such thing to do with it.
bool may_read(std::uintptr_t at) {
    constexpr int kNoSuchThing = 99;
    const long done = real().syscall(SYS_rt_sigprocmask, kNoSuchThing, at & ~(kSignalSet - 1),
                                     nullptr, kSignalSet);
    return done == 0 || errno != EFAULT;
}

// What is there is added to: nothing. In one step, so that others may write there meanwhile.
bool may_write(std::uintptr_t at) {
    int mine = 0;
    constexpr int kAddNothing = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
    const long done = real().syscall(SYS_futex, &mine, FUTEX_WAKE_OP_PRIVATE, 1, 0,
                                     at & ~(sizeof(int) - 1), kAddNothing);
    return done >= 0 || errno != EFAULT;
}

bool is_good(std::uintptr_t at, bool is_written) {
    const std::uintptr_t page = at >> kPageBits;
    std::atomic<std::uintptr_t>& known = g_known[page % kKnown];
    const std::uintptr_t mark = page << 1;
    const std::uintptr_t found = known.load(std::memory_order_relaxed);
    if (page != 0 && (found == (mark | 1) || (!is_written && found == mark))) return true;
    // A filter of system calls may not know these.
    if (is_restricted()) return true;
    const int kept = errno;
    const bool is = is_written ? may_write(at) : may_read(at);
    errno = kept;
    if (is) known.store(mark | (is_written ? 1 : 0), std::memory_order_relaxed);
    return is;
}

bool is_good(std::uintptr_t at, std::size_t size, bool is_written) {
    if (size == 0) return true;
    const std::uintptr_t last = at + size - 1;
    if (last < at || !is_good(at, is_written)) return false;
    return last >> kPageBits == at >> kPageBits || is_good(last, is_written);
}

}  // namespace

bool is_readable(const void* at, std::size_t size) {
    return is_good(reinterpret_cast<std::uintptr_t>(at), size, false);
}

bool is_writable(void* at, std::size_t size) {
    return is_good(reinterpret_cast<std::uintptr_t>(at), size, true);
}

bool are_readable(const iovec* pieces, std::size_t count) {
    if (!is_readable(pieces, count * sizeof(iovec))) return false;
    return std::all_of(pieces, pieces + count,
                       [](const iovec& v) { return is_readable(v.iov_base, v.iov_len); });
}

bool are_writable(const iovec* pieces, std::size_t count) {
    if (!is_readable(pieces, count * sizeof(iovec))) return false;
    return std::all_of(pieces, pieces + count,
                       [](const iovec& v) { return is_writable(v.iov_base, v.iov_len); });
}

}  // namespace fairlead::preload

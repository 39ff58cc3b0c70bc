// Waiting for many: the kernel's own calls, asked for a while before they sleep.
#include <array>
#include <bit>
#include <cstring>

#include "preload/look.hpp"
#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"
#include "preload/unusual.hpp"

using namespace fairlead::preload;

namespace {

constexpr nfds_t kMostEntries = 1 << 20;

void show_each(const pollfd* entries, nfds_t count) {
    if (entries == nullptr || count > kMostEntries) return;  // the kernel says what is wrong
    for (nfds_t i = 0; i < count; ++i) show_readiness(entries[i].fd);
}

// Of a set as long as the count says.
void show_set(const fd_set* set, int count) {
    if (set == nullptr) return;
    const auto* words = reinterpret_cast<const unsigned long*>(set);
    for (int first = 0; first < count; first += NFDBITS) {
        unsigned long bits = words[first / NFDBITS];
        for (; bits != 0; bits &= bits - 1) {
            const int fd = first + std::countr_zero(bits);
            if (fd < count) show_readiness(fd);
        }
    }
}

void show_sets(int count, const fd_set* reads, const fd_set* writes, const fd_set* faults) {
    for (const fd_set* set : {reads, writes, faults}) show_set(set, count);
}

// `ask(true)` does not wait, `ask(false)` does; something, an error too, ends it.
template <typename F>
int look_first(F&& ask) {
    Look look;
    while (look.goes_on()) {
        if (const int ready = ask(true); ready != 0) return ready;
    }
    return ask(false);
}

// `ask` as a plain function; what it is called with is the closure.
template <typename F>
int call_ask(void* closure, bool is_now) {
    return (*static_cast<F*>(closure))(is_now);
}

// What a select() asks for: the kernel writes its answer over it, an empty one too. A set is as long as
// the count says, and not always an fd_set.
class AskedSets {
public:
    AskedSets(int count, fd_set* reads, fd_set* writes, fd_set* faults)
        : theirs_{reads, writes, faults},
          bytes_{(static_cast<std::size_t>(count) + NFDBITS - 1) / NFDBITS * sizeof(fd_mask)} {
        for (std::size_t i = 0; i < theirs_.size(); ++i) {
            if (theirs_[i] != nullptr) std::memcpy(&kept_[i], theirs_[i], bytes_);
        }
    }
    void ask_again() const {
        for (std::size_t i = 0; i < theirs_.size(); ++i) {
            if (theirs_[i] != nullptr) std::memcpy(theirs_[i], &kept_[i], bytes_);
        }
    }

private:
    std::array<fd_set*, 3> theirs_;
    std::size_t bytes_;
    std::array<fd_set, 3> kept_{};
};

// Whether all that is named can be written, as the kernel would.
bool are_sets(int count, fd_set* reads, fd_set* writes, fd_set* faults) {
    if (count < 0 || count > FD_SETSIZE) return false;
    const std::size_t bytes =
        (static_cast<std::size_t>(count) + NFDBITS - 1) / NFDBITS * sizeof(fd_mask);
    for (fd_set* set : {reads, writes, faults}) {
        if (set != nullptr && !is_writable(set, bytes)) return false;
    }
    return true;
}

// Whether there is a wait at all, and sets that can be kept.
bool may_look(int count, bool waits) { return waits && count >= 0 && count <= FD_SETSIZE; }

}  // namespace

FAIRLEAD_TAKEN int epoll_wait(int set, epoll_event* events, int most, int timeout) {
    if (timeout == 0) return real().epoll_wait(set, events, most, 0);
    return look_first(
        [&](bool is_look) { return real().epoll_wait(set, events, most, is_look ? 0 : timeout); });
}

FAIRLEAD_TAKEN int epoll_pwait(int set, epoll_event* events, int most, int timeout,
                               const sigset_t* mask) {
    if (timeout == 0) return real().epoll_pwait(set, events, most, 0, mask);
    return look_first([&](bool is_look) {
        return real().epoll_pwait(set, events, most, is_look ? 0 : timeout, mask);
    });
}

FAIRLEAD_TAKEN int poll(pollfd* entries, nfds_t count, int timeout) {
    const bool is_there = is_writable(entries, count * sizeof *entries);
    if (is_there) show_each(entries, count);
    if (is_any_unusual() && is_there) {
        auto ask = [&](bool is_now) { return real().poll(entries, count, is_now ? 0 : timeout); };
        return poll_shown({entries, count}, call_ask<decltype(ask)>, &ask);
    }
    if (timeout == 0) return real().poll(entries, count, 0);
    return look_first(
        [&](bool is_look) { return real().poll(entries, count, is_look ? 0 : timeout); });
}

FAIRLEAD_TAKEN int ppoll(pollfd* entries, nfds_t count, const timespec* timeout,
                         const sigset_t* mask) {
    const bool is_there = is_writable(entries, count * sizeof *entries);
    if (is_there) show_each(entries, count);
    if (is_any_unusual() && is_there) {
        const timespec none{};
        auto ask = [&](bool is_now) {
            return real().ppoll(entries, count, is_now ? &none : timeout, mask);
        };
        return poll_shown({entries, count}, call_ask<decltype(ask)>, &ask);
    }
    if (timeout != nullptr && timeout->tv_sec == 0 && timeout->tv_nsec == 0) {
        return real().ppoll(entries, count, timeout, mask);
    }
    return look_first([&](bool is_look) {
        const timespec none{};
        return real().ppoll(entries, count, is_look ? &none : timeout, mask);
    });
}

FAIRLEAD_TAKEN int select(int count, fd_set* reads, fd_set* writes, fd_set* faults,
                          timeval* timeout) {
    const bool is_there = are_sets(count, reads, writes, faults);
    if (is_there) show_sets(count, reads, writes, faults);
    if (is_any_unusual() && is_there) {
        timeval none{};
        auto ask = [&](bool is_now) {
            return real().select(count, reads, writes, faults, is_now ? &none : timeout);
        };
        return select_shown(count, reads, writes, faults, call_ask<decltype(ask)>, &ask);
    }
    const bool waits = timeout == nullptr || timeout->tv_sec != 0 || timeout->tv_usec != 0;
    if (!may_look(count, waits) || !is_there) {
        return real().select(count, reads, writes, faults, timeout);
    }
    const AskedSets asked{count, reads, writes, faults};
    return look_first([&](bool is_look) {
        timeval none{};
        asked.ask_again();
        return real().select(count, reads, writes, faults, is_look ? &none : timeout);
    });
}

FAIRLEAD_TAKEN int pselect(int count, fd_set* reads, fd_set* writes, fd_set* faults,
                           const timespec* timeout, const sigset_t* mask) {
    const bool is_there = are_sets(count, reads, writes, faults);
    if (is_there) show_sets(count, reads, writes, faults);
    if (is_any_unusual() && is_there) {
        const timespec none{};
        auto ask = [&](bool is_now) {
            return real().pselect(count, reads, writes, faults, is_now ? &none : timeout, mask);
        };
        return select_shown(count, reads, writes, faults, call_ask<decltype(ask)>, &ask);
    }
    const bool waits = timeout == nullptr || timeout->tv_sec != 0 || timeout->tv_nsec != 0;
    if (!may_look(count, waits) || !is_there) {
        return real().pselect(count, reads, writes, faults, timeout, mask);
    }
    const AskedSets asked{count, reads, writes, faults};
    return look_first([&](bool is_look) {
        const timespec none{};
        asked.ask_again();
        return real().pselect(count, reads, writes, faults, is_look ? &none : timeout, mask);
    });
}

// What programs call that were built with _FORTIFY_SOURCE, by names that are the C library's.
FAIRLEAD_TAKEN int checked_poll(pollfd* entries, nfds_t count, int timeout,
                                size_t room) __asm__("__poll_chk");
FAIRLEAD_TAKEN int checked_ppoll(pollfd* entries, nfds_t count, const timespec* timeout,
                                 const sigset_t* mask, size_t room) __asm__("__ppoll_chk");

int checked_poll(pollfd* entries, nfds_t count, int timeout, size_t room) {
    if (count > room / sizeof(pollfd)) __builtin_trap();
    return poll(entries, count, timeout);
}

int checked_ppoll(pollfd* entries, nfds_t count, const timespec* timeout, const sigset_t* mask,
                  size_t room) {
    if (count > room / sizeof(pollfd)) __builtin_trap();
    return ppoll(entries, count, timeout, mask);
}

// Waiting for many: the kernel's own calls, asked for a while before they sleep.
#include "preload/look.hpp"
#include "preload/real.hpp"
#include "preload/taken.hpp"

using namespace fairlead::preload;

namespace {

// `ask(true)` does not wait, `ask(false)` does; something, an error too, ends it.
template <typename F>
int look_first(F&& ask) {
    Look look;
    while (look.goes_on()) {
        if (const int ready = ask(true); ready != 0) return ready;
    }
    return ask(false);
}

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
    if (timeout == 0) return real().poll(entries, count, 0);
    return look_first(
        [&](bool is_look) { return real().poll(entries, count, is_look ? 0 : timeout); });
}

// Calls that wait: poll and epoll.
#include <fmt/format.h>

#include "drill/calls.hpp"
#include "drill/structs.hpp"
#include "fairlead/error.hpp"

namespace fairlead::drill {
namespace {

constexpr int kMostEvents = 65536;

}  // namespace

// poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0)
Evaluated<Request> Calls::poll(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 3 || a[0].kind != ExpressionKind::Array) {
        return wrong_arguments(call, "poll([{fd=4, events=POLLIN, revents=0}], count, timeout)");
    }
    request::Poll r;
    for (const Expression& entry : a[0].items) {
        const Expression* fd = field_of(entry, "fd");
        const Expression* events = field_of(entry, "events");
        if (fd == nullptr || events == nullptr) return fault_at(entry, "expected {fd=, events=}");
        request::Poll::Entry asked;
        asked.fd = FAIRLEAD_TRY(descriptor(*fd));
        asked.events = static_cast<std::int16_t>(FAIRLEAD_TRY(evaluate_int(*events)));
        r.entries.push_back(asked);
    }
    const std::int64_t count = FAIRLEAD_TRY(evaluate(a[1]));
    if (count != static_cast<std::int64_t>(r.entries.size())) {
        return fault_at(a[1], fmt::format("there are {} entries, not {}", r.entries.size(), count));
    }
    r.timeout_ms = FAIRLEAD_TRY(evaluate_int(a[2]));
    return r;
}

// epoll_create(1): the size says nothing, but that it is one.
Evaluated<Request> Calls::epoll_create(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 1) return wrong_arguments(call, call.name + "(n)");
    const int number = FAIRLEAD_TRY(evaluate_int(a[0]));
    if (call.name == "epoll_create1") return request::EpollCreate{.flags = number};
    // A size below one is refused as an unknown flag is: EINVAL.
    return request::EpollCreate{.flags = number > 0 ? 0 : -1};
}

// epoll_ctl(4, EPOLL_CTL_ADD, 5, {events=EPOLLIN, fd=5}): what fd, ptr, u32 or u64 say comes back
// from epoll_wait as it was.
Evaluated<Request> Calls::epoll_control(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 4) return wrong_arguments(call, "epoll_ctl(epfd, op, fd, {events=, fd=})");
    request::EpollControl r;
    r.epfd = FAIRLEAD_TRY(descriptor(a[0]));
    r.operation = FAIRLEAD_TRY(evaluate_int(a[1]));
    r.fd = FAIRLEAD_TRY(descriptor(a[2]));
    if (a[3].kind != ExpressionKind::Struct) return r;
    if (const Expression* events = field_of(a[3], "events")) {
        r.events = static_cast<std::uint32_t>(FAIRLEAD_TRY(evaluate_int(*events)));
    }
    if (const Expression* data = epoll_data_of(a[3])) {
        r.data = static_cast<std::uint64_t>(FAIRLEAD_TRY(evaluate(*data)));
    }
    return r;
}

// epoll_wait(4, {events=EPOLLIN, fd=5}, 1, 0)
Evaluated<Request> Calls::epoll_wait(const Call& call) const {
    const auto& a = call.arguments;
    if (a.size() != 4) return wrong_arguments(call, "epoll_wait(epfd, {events=, fd=}, n, timeout)");
    request::EpollWait r;
    r.epfd = FAIRLEAD_TRY(descriptor(a[0]));
    r.most = FAIRLEAD_TRY(evaluate_int(a[2]));
    if (r.most > kMostEvents) {
        return fault_at(a[2], fmt::format("a call asks for at most {} events", kMostEvents));
    }
    r.timeout_ms = FAIRLEAD_TRY(evaluate_int(a[3]));
    return r;
}

}  // namespace fairlead::drill

// Connections of a listener cross into the program through the listener's descriptor.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/host.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {

void Host::hand_over_connections(ProgramSocket& s) {
    Slot& slot = s.slot();
    s.is_full = false;
    if (s.hand_over && !hand_over(s)) return;
    for (;;) {
        const std::uint32_t head = slot.program.rx_head.load(std::memory_order_acquire);
        // A count that cannot be is the program's loss: it gets no more than it may have waiting.
        (void)s.rx.accept_head(head);
        if (s.rx.used() >= s.most_waiting) {
            if (wait_for_space(s, head)) return;
            continue;
        }
        const posix::Call call = client_.accept(s.fd, posix::abi::kNonblock);
        if (!call.value()) return;
        const auto fd = static_cast<int>(*call.value());
        auto made = make_socket(
            *s.arena, fd, {.is_stream = true, .is_inet6 = s.is_inet6, .is_plain = s.is_plain});
        if (!made) continue;  // the peer gets a RST, or a FIN
        ProgramSocket& connection = *made->socket;
        connection.was_accepted = true;
        connection.pid = s.pid;
        const posix::SocketName& peer = call.answer().name;
        s.hand_over.emplace(
            HandOver{.program = std::move(made->program),
                     .record = {.key = connection.key(),
                                .flags = kFlagStream | (s.is_inet6 ? kFlagInet6 : 0),
                                .name_size = static_cast<std::uint32_t>(peer.size)}});
        std::memcpy(s.hand_over->record.name.data(), peer.storage.data(),
                    std::min(peer.size, s.hand_over->record.name.size()));
        open_stream(connection);
        if (!hand_over(s)) return;
    }
}

// False: it has to wait.
bool Host::hand_over(ProgramSocket& s) {
    const int fd = s.hand_over->program.get();
    const int fault = send_with_descriptors(
        s.end.get(), std::as_bytes(std::span{&s.hand_over->record, 1}), {&fd, 1});
    if (fault == EAGAIN || fault == ETOOMANYREFS) {
        waiting_.push_back(s.number);
        return false;
    }
    s.hand_over.reset();
    if (fault == 0) s.slot().host.rx_tail.store(++s.rx.tail, std::memory_order_release);
    return true;
}

}  // namespace fairlead::host

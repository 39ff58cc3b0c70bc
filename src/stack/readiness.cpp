// What a stack tells of its sockets: events and readiness.
#include <utility>

#include "stack/core.hpp"

namespace fairlead {

void Stack::Core::list_woken() {
    for (const std::uint32_t index : tcp.woken()) {
        socket::Slot& s = sockets.at(index);
        // A connection that went before anybody looked takes what it had to say with it.
        Readiness rose = kEverything;
        if (s.connection != nullptr) rose = std::exchange(s.connection->filing.woken, 0);
        if (rose != 0) sockets.list(index, rose);
    }
    tcp.clear_woken();
    for (const udp::Handle handle : udp.woken()) {
        const std::uint32_t index = socket::SocketTable::index_of(handle);
        if (sockets.is_open(index)) sockets.list(index, udp.woken_by(handle));
    }
    udp.clear_woken();
}

Readiness Stack::Core::readiness(const socket::Slot& s) const {
    return s.is_stream() ? tcp.readiness(*s.connection) : udp.readiness(s.datagrams);
}

std::size_t Stack::take_events(std::span<SocketEvent> into) {
    core_->record([&] {
        return Input{.kind = InputKind::TakeEvents,
                     .number = static_cast<std::int64_t>(into.size())};
    });
    core_->collect_woken();
    std::size_t count = 0;
    SocketId id;
    Readiness rose = 0;
    while (count < into.size() && core_->sockets.take_listed(id, rose)) {
        const socket::Slot* s = core_->sockets.find(id);
        if (s == nullptr) continue;
        into[count++] = {
            .socket = id, .readiness = core_->readiness(*s), .rose = rose, .cookie = s->cookie};
    }
    return count;
}

Result<Readiness> Stack::readiness(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    return core_->readiness(s);
}

Result<void> Stack::set_cookie(SocketId socket, std::uint64_t cookie) {
    core_->record([&] {
        return Input{.kind = InputKind::SetCookie,
                     .socket = socket,
                     .number = static_cast<std::int64_t>(cookie)};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    s.cookie = cookie;
    return {};
}

Result<TcpInfo> Stack::tcp_info(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    return core_->tcp.info(*s.connection);
}

Result<SocketMemory> Stack::memory(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    return s.is_stream() ? core_->tcp.memory(*s.connection) : core_->udp.memory(s.datagrams);
}

std::vector<DestinationInfo> Stack::destinations() const {
    std::vector<DestinationInfo> rows;
    core_->tcp.metrics().for_each([&](const tcp::Destination& d) {
        const auto number = [](std::int32_t n) { return static_cast<std::uint32_t>(n); };
        const tcp::FastOpenMemory& f = d.fast_open;
        rows.push_back({.source = d.local,
                        .destination = d.remote,
                        .age = core_->now - d.written,
                        .rtt = d.rtt,
                        .rtt_variation = d.rtt_variation,
                        .congestion_window = number(d.window),
                        .slow_start_threshold = number(d.threshold),
                        .reordering = number(d.reordering),
                        .mss = f.mss,
                        .syn_losses = f.syn_losses,
                        .last_syn_loss = core_->now - f.last_syn_loss,
                        .cookie = f.cookie.bytes,
                        .cookie_bytes = f.cookie.size});
    });
    return rows;
}

std::size_t Stack::forget_destinations(const IpAddress& remote) {
    core_->record([&] { return Input{.kind = InputKind::ForgetDestinations, .address = remote}; });
    return core_->tcp.forget_metrics(remote);
}

}  // namespace fairlead

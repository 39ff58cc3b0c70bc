// The socket calls: an id, a slot, and what it stands on: a TCP connection or a UDP socket.
#include "socket/tcp_options.hpp"
#include "stack/core.hpp"

namespace fairlead {
namespace {

// The name an application gave, as the stack keeps it: an IPv4 socket takes no IPv6 name, an IPv6
// one takes both kinds unless it was told to keep to itself.
Result<Endpoint> admit(const socket::Slot& s, const Endpoint& name, bool v6_only) {
    const bool is_v4 = name.address.is_v4();
    if (s.family == Family::Inet && !is_v4) return std::unexpected{Errc::FamilyNotSupported};
    if (s.family == Family::Inet6 && is_v4 && v6_only) {
        return std::unexpected{Errc::NetworkUnreachable};
    }
    if (name.address.needs_zone() && name.address.is_link_local() && name.address.zone() == 0) {
        return std::unexpected{Errc::InvalidArgument};
    }
    return name;
}

bool is_fast_open(Option option) {
    return option == Option::FastOpen || option == Option::FastOpenConnect ||
           option == Option::FastOpenNoCookie;
}

}  // namespace

Result<SocketId> Stack::socket(Family family, SocketType type) {
    core_->record([&] {
        return Input{.kind = InputKind::Socket,
                     .what = static_cast<std::uint32_t>(family) | static_cast<std::uint32_t>(type)
                                                                      << 8};
    });
    if (type != SocketType::Stream) {
        const SocketId id = core_->sockets.open_datagrams(family, type);
        const udp::Handle handle = core_->sockets.at(id.index).datagrams;
        core_->udp.open(handle, family, type == SocketType::Ping);
        if (core_->config.ip6_bindv6only != 0) {
            (void)core_->udp.set_option(handle, Option::V6Only, 1);
        }
        return id;
    }
    tcp::Connection* c = core_->tcp.make();
    if (c == nullptr) return std::unexpected{Errc::NoBuffers};
    c->key.local.address = IpAddress::any(family);
    c->options.is_v6 = family == Family::Inet6;
    c->options.v6_only = core_->config.ip6_bindv6only != 0;
    return core_->sockets.open_stream(family, c->socket(), *c);
}

Result<void> Stack::bind(SocketId socket, const Endpoint& local, BindFlags flags) {
    core_->record([&] {
        return Input{.kind = flags.is_privileged ? InputKind::Bind : InputKind::BindUnprivileged,
                     .socket = socket,
                     .endpoint = local};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    const std::int64_t lowest = flags.is_privileged ? 0 : core_->config.ip_unprivileged_port_start;
    if (!s.is_stream()) return core_->udp.bind(s.datagrams, local, lowest);
    return core_->tcp.bind(*s.connection, s.family, local, lowest);
}

Result<void> Stack::listen(SocketId socket, int backlog) {
    core_->record(
        [&] { return Input{.kind = InputKind::Listen, .socket = socket, .number = backlog}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    FAIRLEAD_TRY(core_->tcp.listen(*s.connection, backlog));
    const bool takes_data = core_->tcp.fast_open(*s.connection, Option::FastOpen) > 0;
    if (takes_data) core_->need_fast_open_key();
    return {};
}

Result<void> Stack::connect(SocketId socket, const Endpoint& peer) {
    core_->record(
        [&] { return Input{.kind = InputKind::Connect, .socket = socket, .endpoint = peer}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.connect(s.datagrams, peer);
    const Endpoint name = FAIRLEAD_TRY(admit(s, peer, s.connection->options.v6_only));
    return core_->tcp.connect(*s.connection, name);
}

Result<std::size_t> Stack::send_fast_open(SocketId socket, const Endpoint& peer, Bytes bytes) {
    core_->record([&] {
        return Input{
            .kind = InputKind::SendFastOpen, .socket = socket, .endpoint = peer, .bytes = bytes};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    const Endpoint name = FAIRLEAD_TRY(admit(s, peer, s.connection->options.v6_only));
    return core_->tcp.send_fast_open(*s.connection, name, bytes);
}

Result<void> Stack::disconnect(SocketId socket) {
    core_->record([&] { return Input{.kind = InputKind::Disconnect, .socket = socket}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.connect(s.datagrams, {IpAddress::any(s.family), 0});
    core_->tcp.disconnect(*s.connection, s.family);
    return {};
}

Result<void> Stack::destroy(SocketId socket) {
    core_->record([&] { return Input{.kind = InputKind::Destroy, .socket = socket}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    return core_->tcp.destroy(*s.connection);
}

Result<SocketId> Stack::accept(SocketId listener, Endpoint* peer) {
    core_->record([&] { return Input{.kind = InputKind::Accept, .socket = listener}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(listener));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    tcp::Connection* c = FAIRLEAD_TRY(core_->tcp.accept(*s.connection));
    const SocketId id = core_->sockets.open_stream(s.family, c->socket(), *c);
    if (peer != nullptr) *peer = c->key.remote;
    // Data, a FIN or a RST may have come before anybody could be told.
    core_->sockets.list(id.index, kEverything);
    return id;
}

Result<std::size_t> Stack::send(SocketId socket, Bytes bytes, SendFlags flags) {
    core_->record([&] {
        return Input{
            .kind = InputKind::Send, .socket = socket, .what = to_number(flags), .bytes = bytes};
    });
    core_->prefetch(socket);
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.send_to(s.datagrams, bytes, {});
    return core_->tcp.write(*s.connection, bytes, flags);
}

Result<std::size_t> Stack::receive(SocketId socket, MutableBytes into, ReceiveFlags flags) {
    core_->record([&] {
        return Input{.kind = InputKind::Receive,
                     .socket = socket,
                     .number = static_cast<std::int64_t>(into.size()),
                     .what = to_number(flags)};
    });
    core_->prefetch(socket);
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) {
        const DatagramInfo got = FAIRLEAD_TRY(core_->udp.receive_from(s.datagrams, into, flags));
        return flags.truncate ? got.size : got.copied;
    }
    return core_->tcp.read(*s.connection, into, flags);
}

Result<std::size_t> Stack::send_to(SocketId socket, Bytes bytes, const DatagramTarget& target) {
    core_->record([&] {
        return Input{.kind = InputKind::SendTo,
                     .socket = socket,
                     .endpoint = target.to,
                     .address = target.source,
                     .interface = target.interface,
                     .number = to_flags(target),
                     .what = to_number(target),
                     .bytes = bytes};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    // A connected stream ignores the name, as Linux does.
    if (s.is_stream()) return core_->tcp.write(*s.connection, bytes, {});
    return core_->udp.send_to(s.datagrams, bytes, target);
}

Result<DatagramInfo> Stack::receive_from(SocketId socket, MutableBytes into, ReceiveFlags flags) {
    core_->record([&] {
        return Input{.kind = InputKind::ReceiveFrom,
                     .socket = socket,
                     .number = static_cast<std::int64_t>(into.size()),
                     .what = to_number(flags)};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.receive_from(s.datagrams, into, flags);
    const std::size_t n = FAIRLEAD_TRY(core_->tcp.read(*s.connection, into, flags));
    return DatagramInfo{.copied = n, .size = n};
}

Result<Instant> Stack::arrival(SocketId socket, std::size_t offset) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    const Instant then = s.connection->arrival(offset);
    if (then == Instant::never()) return std::unexpected{Errc::WouldBlock};
    return then;
}

Result<void> Stack::stamp(SocketId socket, std::uint32_t wanted) {
    core_->record(
        [&] { return Input{.kind = InputKind::Stamp, .socket = socket, .what = wanted}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotSupported};
    return core_->tcp.stamp(*s.connection, wanted);
}

Result<ErrorMessage> Stack::receive_error(SocketId socket, MutableBytes into) {
    core_->record([&] {
        return Input{.kind = InputKind::ReceiveError,
                     .socket = socket,
                     .number = static_cast<std::int64_t>(into.size())};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.receive_error(s.datagrams, into);
    return core_->tcp.receive_error(*s.connection, into);
}

Result<Errc> Stack::pending_error(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    return s.is_stream() ? s.connection->error() : core_->udp.pending_error(s.datagrams);
}

Result<void> Stack::shutdown(SocketId socket, Shutdown how) {
    core_->record([&] {
        return Input{
            .kind = InputKind::Shutdown, .socket = socket, .what = static_cast<std::uint32_t>(how)};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.shutdown(s.datagrams, how);
    return core_->tcp.shutdown(*s.connection, how);
}

Result<void> Stack::close(SocketId socket) {
    core_->record([&] { return Input{.kind = InputKind::Close, .socket = socket}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) {
        core_->udp.close(s.datagrams);
        core_->sockets.close(socket.index);
        return {};
    }
    tcp::Connection* c = s.connection;
    core_->sockets.close(socket.index);
    core_->tcp.close(*c);
    return {};
}

Result<void> Stack::set_option(SocketId socket, Option option, std::int64_t value) {
    core_->record([&] {
        return Input{.kind = InputKind::SetOption,
                     .socket = socket,
                     .number = value,
                     .what = static_cast<std::uint32_t>(option)};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.set_option(s.datagrams, option, value);
    if (is_fast_open(option)) {
        FAIRLEAD_TRY(core_->tcp.set_fast_open(*s.connection, option, value));
        if (option == Option::FastOpen) core_->need_fast_open_key();
        return {};
    }
    if (option == Option::LocalPortRange) return core_->tcp.set_port_range(*s.connection, value);
    if (option == Option::Timestamping) return core_->tcp.set_timestamping(*s.connection, value);
    if (option == Option::MaxPacingRate) return core_->tcp.set_pacing_rate(*s.connection, value);
    const auto effect =
        FAIRLEAD_TRY(socket::set_tcp_option(*s.connection, option, value, core_->config));
    if (effect.push || effect.looks) core_->tcp.push_pending(*s.connection, effect.push);
    if (effect.changed) core_->tcp.apply_options(*s.connection);
    if (effect.acks) core_->tcp.acknowledge_read(*s.connection);
    return {};
}

Result<std::int64_t> Stack::option(SocketId socket, Option option) {
    core_->record([&] {
        return Input{.kind = InputKind::GetOption,
                     .socket = socket,
                     .what = static_cast<std::uint32_t>(option)};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (option == Option::Domain) return s.family == Family::Inet ? 2 : 10;
    if (option == Option::Type) return s.is_stream() ? 1 : 2;
    if (!s.is_stream()) return core_->udp.option(s.datagrams, option);
    if (is_fast_open(option)) return core_->tcp.fast_open(*s.connection, option);
    if (option == Option::LocalPortRange) return core_->tcp.port_range(*s.connection);
    if (option == Option::Timestamping) return core_->tcp.timestamping(*s.connection);
    if (option == Option::MaxPacingRate) return s.connection->most_pacing_rate();
    return socket::tcp_option(*s.connection, option, core_->config);
}

Result<void> Stack::set_fast_open_key(SocketId socket, Bytes key) {
    core_->record(
        [&] { return Input{.kind = InputKind::SetFastOpenKey, .socket = socket, .bytes = key}; });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.set_fast_open_key(*s.connection, key);
}

Result<std::size_t> Stack::fast_open_key(SocketId socket, MutableBytes into) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.fast_open_key(*s.connection, into);
}

Result<void> Stack::set_header_options(SocketId socket, Bytes options) {
    core_->record([&] {
        return Input{.kind = InputKind::SetHeaderOptions, .socket = socket, .bytes = options};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.set_header_options(*s.connection, options);
}

Result<std::size_t> Stack::header_options(SocketId socket, MutableBytes into) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.header_options(*s.connection, into);
}

Result<void> Stack::set_signature_key(SocketId socket, const Prefix& peers, Bytes key) {
    core_->record([&] {
        return Input{.kind = InputKind::SetSignatureKey,
                     .socket = socket,
                     .address = peers.address,
                     .what = peers.length,
                     .bytes = key};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return core_->tcp.set_signature(*s.connection, peers, key);
}

Result<void> Stack::set_congestion_control(SocketId socket, std::string_view name) {
    core_->record([&] {
        return Input{.kind = InputKind::SetCongestionControl, .socket = socket, .name = name};
    });
    socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    const CongestionOperations* controller = core_->tcp.controller(name);
    if (controller == nullptr) return std::unexpected{Errc::NoSuchEntry};
    s.connection->set_controller(*controller);
    return {};
}

Result<std::string_view> Stack::congestion_control(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return s.connection->controller().name;
}

Result<CongestionDetails> Stack::congestion_details(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NoSuchOption};
    return s.connection->congestion_details();
}

Result<Endpoint> Stack::local_name(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.local_name(s.datagrams);
    return s.connection->key.local;
}

Result<Endpoint> Stack::peer_name(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.peer_name(s.datagrams);
    const TcpState state = s.connection->state();
    const bool has_peer = tcp::is_synchronized(state) || state == TcpState::SynReceived;
    if (!has_peer) return std::unexpected{Errc::NotConnected};
    return s.connection->key.remote;
}

Result<std::size_t> Stack::bytes_to_read(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return core_->udp.bytes_to_read(s.datagrams);
    if (s.connection->state() == TcpState::Listen) return std::unexpected{Errc::InvalidArgument};
    return core_->tcp.bytes_to_read(*s.connection);
}

Result<bool> Stack::is_at_mark(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::unexpected{Errc::NotATerminal};
    return core_->tcp.is_at_mark(*s.connection);
}

Result<std::size_t> Stack::bytes_unacked(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::size_t{0};
    if (s.connection->state() == TcpState::Listen) return std::unexpected{Errc::InvalidArgument};
    return static_cast<std::size_t>(s.connection->unacked());
}

Result<std::size_t> Stack::bytes_unsent(SocketId socket) const {
    const socket::Slot& s = *FAIRLEAD_TRY(core_->find(socket));
    if (!s.is_stream()) return std::size_t{0};
    if (s.connection->state() == TcpState::Listen) return std::unexpected{Errc::InvalidArgument};
    return static_cast<std::size_t>(s.connection->unsent());
}

}  // namespace fairlead

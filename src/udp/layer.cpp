// The sockets and their names: open, bind, connect, close.
#include "udp/layer.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairlead::udp {
namespace {

bool is_named(const Endpoint& local) { return local.port != 0; }

}  // namespace

Layer::Layer(const Config& config, Counters& counters, PacketPool& pool, ip::Network& network,
             std::span<const std::uint8_t, 16> key)
    : config_{config},
      counters_{counters},
      pool_{pool},
      network_{network},
      hash_{key},
      prng_{hash_(IpAddress{}, 2)},
      local_ports_{config} {}

Socket& Layer::at(Handle handle) {
    FAIRLEAD_ASSERT(handle < sockets_.size() && sockets_[handle].is_open);
    return sockets_[handle];
}

const Socket& Layer::at(Handle handle) const { return const_cast<Layer*>(this)->at(handle); }

void Layer::open(Handle handle, Family family, bool is_ping) {
    if (handle >= sockets_.size()) sockets_.resize(handle + std::size_t{1});
    Socket& s = sockets_[handle];
    FAIRLEAD_ASSERT(!s.is_open);
    s.handle = handle;
    s.is_open = true;
    s.family = family;
    s.is_ping = is_ping;
    s.local.address = s.peer.address = IpAddress::any(family);
    s.options.v6_only = family == Family::Inet6 && config_.ip6_bindv6only != 0;
    if (family == Family::Inet && config_.ip_no_pmtu_disc != 0) {
        s.options.mtu_discovery = MtuDiscovery::Dont;
    }
    s.options.receive_buffer = config_.rmem_default;
    s.options.send_buffer = config_.wmem_default;
    ++open_;
}

void Layer::close(Handle handle) {
    Socket& s = at(handle);
    if (is_named(s.local)) demux_of(s).remove(s);
    if (s.woken != 0) std::erase(woken_, handle);
    s.queue.clear();
    std::erase_if(awaited_, [&](const Awaited& a) { return a.handle == handle; });
    s = Socket{};
    --open_;
}

// What bind() and a packet's own source may be: an address of ours, a group, or everything.
Result<IpAddress> Layer::own_name(const Socket& socket, const IpAddress& wanted,
                                  InterfaceIndex& device) const {
    if (wanted.is_any()) {
        // 0.0.0.0 given to an Inet6 socket is ::ffff:0.0.0.0: IPv4 only, and rare.
        if (socket.family == Family::Inet && !wanted.is_v4()) {
            return std::unexpected{Errc::FamilyNotSupported};
        }
        return wanted;
    }
    if (socket.family == Family::Inet && !wanted.is_v4()) {
        return std::unexpected{Errc::FamilyNotSupported};
    }
    if (wanted.is_v4() && socket.family == Family::Inet6 && socket.options.v6_only) {
        return std::unexpected{Errc::InvalidArgument};
    }
    if (wanted.needs_zone()) {
        const InterfaceIndex zone = wanted.zone() != 0 ? wanted.zone() : device;
        if (zone == 0 || (device != 0 && device != zone)) {
            return std::unexpected{Errc::InvalidArgument};
        }
        device = zone;
    }
    const IpAddress name = wanted.needs_zone() ? wanted.with_zone(device) : wanted.with_zone(0);
    const bool is_ours = network_.is_local(name) || name.is_multicast() ||
                         network_.is_broadcast(name) || config_.ip_nonlocal_bind != 0;
    if (!is_ours) return std::unexpected{Errc::AddressNotAvailable};
    return name;
}

// In the order of __inet_bind() and __inet6_bind().
Result<void> Layer::bind(Handle handle, const Endpoint& local, std::int64_t lowest_port) {
    Socket& s = at(handle);
    InterfaceIndex device = s.options.device;
    const auto name = own_name(s, local.address, device);
    if (!name && s.family == Family::Inet) return std::unexpected{name.error()};
    if (local.port != 0 && local.port < lowest_port && !s.is_ping) {
        return std::unexpected{Errc::AccessDenied};
    }
    if (is_named(s.local)) return std::unexpected{Errc::InvalidArgument};
    const IpAddress own = FAIRLEAD_TRY(name);
    const InterfaceIndex before = std::exchange(s.options.device, device);
    if (local.port == 0 && s.options.bind_address_no_port) {
        s.local = {own, 0};
    } else if (const auto taken = take_port(s, {own, local.port}); !taken) {
        s.options.device = before;
        return taken;
    }
    s.is_address_bound = !own.is_any();
    // Linux: from then on it hears nothing of IPv4, and says so.
    s.options.v6_only |= s.is_address_bound && !own.is_v4();
    s.is_port_bound = local.port != 0;
    return {};
}

Result<void> Layer::take_port(Socket& socket, const Endpoint& local) {
    Endpoint name = local;
    if (name.port == 0) {
        name.port = FAIRLEAD_TRY(free_port(socket, name.address));
    } else if (demux_of(socket).conflicts(socket, name)) {
        return std::unexpected{Errc::AddressInUse};
    }
    socket.local = name;
    demux_of(socket).insert(socket);
    return {};
}

// As udp_lib_get_port(): a random start, then all the others in turn.
Result<std::uint16_t> Layer::free_port(const Socket& socket, const IpAddress& address) {
    constexpr ip::PortRange kAnyId{1, 65535};
    const ip::PortRange range =
        socket.is_ping ? kAnyId : local_ports_.range(socket.options.port_range);
    const std::int64_t count = range.count();
    if (count <= 0) return std::unexpected{Errc::AddressInUse};
    const auto start = static_cast<std::int64_t>(prng_.next() % static_cast<std::uint64_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        const auto port = static_cast<std::uint16_t>(range.low + (start + i) % count);
        if (!socket.is_ping && local_ports_.is_reserved(port)) continue;
        if (!demux_of(socket).conflicts(socket, {address, port})) return port;
    }
    return std::unexpected{Errc::AddressInUse};
}

void Layer::release_port(Socket& socket) {
    demux_of(socket).remove(socket);
    socket.local.port = 0;
}

// What may be connected or sent to, in the form that a path is looked up by.
Result<IpAddress> Layer::checked_peer(const Socket& socket, const IpAddress& peer) const {
    if (socket.family == Family::Inet && !peer.is_v4()) {
        return std::unexpected{Errc::FamilyNotSupported};
    }
    const bool is_v4_refused = socket.family == Family::Inet6 &&
                               (socket.options.v6_only ||
                                (!socket.local.address.is_any() && !socket.local.address.is_v4()));
    if (peer.is_v4() && is_v4_refused) return std::unexpected{Errc::NetworkUnreachable};
    if (!peer.is_v4() && socket.local.address.is_v4() && !socket.local.address.is_any()) {
        return std::unexpected{Errc::FamilyNotSupported};
    }
    if (!peer.needs_zone()) return peer.with_zone(0);
    const InterfaceIndex zone = peer.zone() != 0 ? peer.zone() : socket.options.device;
    if (zone == 0) return std::unexpected{Errc::InvalidArgument};
    return peer.with_zone(zone);
}

Result<void> Layer::connect(Handle handle, const Endpoint& peer) {
    Socket& s = at(handle);
    if (peer.address.is_any()) {
        disconnect(s);
        return {};
    }
    // inet_dgram_connect(): the port comes first, and stays where the rest fails.
    if (!is_named(s.local) && !take_port(s, {s.local.address, 0})) {
        return std::unexpected{Errc::WouldBlock};
    }
    const IpAddress to = FAIRLEAD_TRY(checked_peer(s, peer.address));
    // The source that an earlier connect() chose is kept.
    const IpAddress from = s.local.address.is_any() ? IpAddress{} : s.local.address;
    const ip::SourcedPath path = FAIRLEAD_TRY(network_.find_path(to, from, s.options.device));
    const bool is_broadcast = path.is_group && !to.is_multicast();
    if (is_broadcast && !s.options.broadcast) return std::unexpected{Errc::AccessDenied};

    // The name changes: what is filed by it must not.
    demux_of(s).remove(s);
    if (from.is_any()) s.local.address = path.source;
    s.peer = {to, peer.port};
    s.is_connected = true;
    demux_of(s).insert(s);
    return {};
}

// Linux's __udp_disconnect(): what connect() chose goes, what bind() chose stays.
void Layer::disconnect(Socket& socket) {
    if (!socket.is_connected) return;
    demux_of(socket).remove(socket);
    socket.is_connected = false;
    socket.peer = {IpAddress::any(socket.family), 0};
    if (!socket.is_address_bound) socket.local.address = IpAddress::any(socket.family);
    if (socket.is_port_bound) {
        demux_of(socket).insert(socket);
    } else {
        socket.local.port = 0;
    }
}

Result<void> Layer::shutdown(Handle handle, Shutdown how) {
    Socket& s = at(handle);
    if (how != Shutdown::Write) s.is_read_shut = true;
    if (how != Shutdown::Read) s.is_write_shut = true;
    wake(s, kEverything);
    // It is shut down all the same, as by Linux.
    if (!s.is_connected) return std::unexpected{Errc::NotConnected};
    return {};
}

Endpoint Layer::local_name(Handle handle) const { return at(handle).local; }

Result<Endpoint> Layer::peer_name(Handle handle) const {
    const Socket& s = at(handle);
    if (!s.is_connected || s.peer.port == 0) return std::unexpected{Errc::NotConnected};
    return s.peer;
}

std::size_t Layer::bytes_to_read(Handle handle) const {
    const Socket& s = at(handle);
    return s.queue.empty() ? 0 : s.queue.front().payload->size();
}

// datagram_poll().
Readiness Layer::readiness(Handle handle) const {
    const Socket& s = at(handle);
    Readiness r = kWritable;
    if (s.error || !s.errors.empty()) r |= kError;
    if (!s.queue.empty()) r |= kReadable;
    if (s.is_read_shut) r |= kReadHangup | kReadable;
    if (s.is_read_shut && s.is_write_shut) r |= kHangup;
    return r;
}

void Layer::wake(Socket& socket, Readiness what) {
    if (socket.woken == 0) woken_.push_back(socket.handle);
    socket.woken |= what;
}

void Layer::clear_woken() {
    for (const Handle handle : woken_) sockets_[handle].woken = 0;
    woken_.clear();
}

SocketMemory Layer::memory(Handle handle) const {
    const Socket& s = at(handle);
    const auto number = [](std::int64_t n) { return static_cast<std::uint32_t>(n); };
    const auto& o = s.options;
    return {.receive_allocated = static_cast<std::uint32_t>(s.queue.charged()),
            .receive_buffer = number(o.receive_buffer != 0 ? std::int64_t{o.receive_buffer}
                                                           : config_.rmem_default),
            .send_buffer =
                number(o.send_buffer != 0 ? std::int64_t{o.send_buffer} : config_.wmem_default)};
}

bool Layer::describe(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const {
    constexpr std::uint32_t kMostLooks = 4096;
    for (std::uint32_t looks = 0; cursor.at < sockets_.size(); ++cursor.at, ++looks) {
        if (looks == kMostLooks || rows.size() >= most) return true;
        const Socket& s = sockets_[cursor.at];
        if (!s.is_open || !is_named(s.local)) continue;
        rows.push_back({.info = {.socket = {.index = s.handle},
                                 .type = s.is_ping ? SocketType::Ping : SocketType::Datagram,
                                 .family = s.family,
                                 // ss shows UNCONN and ESTAB.
                                 .state = s.is_connected ? TcpState::Established : TcpState::Closed,
                                 .local = s.local,
                                 .peer = s.peer,
                                 .interface = s.options.device,
                                 .receive_queue = static_cast<std::uint32_t>(s.queue.charged()),
                                 .has_shut_read = s.is_read_shut,
                                 .has_shut_write = s.is_write_shut,
                                 .is_v6_only = s.options.v6_only,
                                 .tos = s.options.tos},
                        .memory = memory(static_cast<Handle>(cursor.at))});
    }
    return false;
}

}  // namespace fairlead::udp

// Sockets: making, naming, connecting, accepting.
#include "posix/client.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }
Call failed(Errc e) { return Call{Answer{.value = refused(e)}}; }

constexpr int kFlags = abi::kNonblock | abi::kCloseOnExec;

// inet_create()
Result<SocketType> checked_kind(int domain, int kind, int protocol) {
    if (protocol < 0 || protocol >= abi::kProtocolCount) return refused(Errc::InvalidArgument);
    const int ping = domain == abi::kInet ? abi::kIcmp : abi::kIcmpV6;
    switch (kind) {
        case abi::kStream:
            if (protocol != 0 && protocol != abi::kTcp) return refused(Errc::ProtocolNotSupported);
            return SocketType::Stream;
        case abi::kDatagram:
            if (protocol == ping) return SocketType::Ping;
            if (protocol != 0 && protocol != abi::kUdp) return refused(Errc::ProtocolNotSupported);
            return SocketType::Datagram;
        case abi::kRaw:
            return refused(protocol == 0 ? Errc::ProtocolNotSupported : Errc::NotPermitted);
        default: return refused(Errc::SocketTypeNotSupported);
    }
}

}  // namespace

Result<int> Client::socket(int domain, int type, int protocol) {
    const int flags = type & ~abi::kTypeMask;
    if ((flags & ~kFlags) != 0) return refused(Errc::InvalidArgument);
    if (domain != abi::kInet && domain != abi::kInet6) return refused(Errc::FamilyNotSupported);
    const int kind = type & abi::kTypeMask;
    if (kind >= abi::kTypeCount) return refused(Errc::InvalidArgument);
    const SocketType socket_type = FAIRLEAD_TRY(checked_kind(domain, kind, protocol));
    if (socket_type == SocketType::Ping && !may_ping()) return refused(Errc::AccessDenied);
    (void)FAIRLEAD_TRY(table_.lowest_free());
    const Family family = domain == abi::kInet ? Family::Inet : Family::Inet6;
    const SocketId id = FAIRLEAD_TRY(stack_.socket(family, socket_type));
    OpenFile* f =
        files_.open_socket(id, family, socket_type == SocketType::Stream, flags & abi::kNonblock);
    if (f == nullptr) {
        (void)stack_.close(id);
    } else {
        f->socket.is_ping = socket_type == SocketType::Ping;
        f->socket.ancillary.epoch = epoch_;
    }
    return install(f, flags);
}

// ping_init_sock()
bool Client::may_ping() const {
    const auto& [low, high] = stack_.config().ping_group_range;
    return low <= group_ && group_ <= high;
}

Result<void> Client::bind(int fd, Bytes name) {
    const OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    const Endpoint local = FAIRLEAD_TRY(read_bind_name(name, f->socket.family));
    return stack_.bind(f->socket.id, local, {.is_privileged = is_privileged_});
}

Result<void> Client::listen(int fd, int backlog) {
    const OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    if (f->socket.is_stream && f->socket.stage != Stage::Unconnected) {
        return refused(Errc::InvalidArgument);
    }
    return stack_.listen(f->socket.id, backlog);
}

// To connect to "any" is to connect to this host: in IPv4 to the address the socket has, in IPv6 to
// a loopback of the family of its name.
IpAddress Client::own_loopback(const Endpoint& any, const SocketFile& s) {
    const auto own = stack_.local_name(s.id);
    const bool is_v4 = own && own->address.is_v4();
    if (s.family == Family::Inet && is_v4 && !own->address.is_any()) return own->address;
    return IpAddress::loopback(is_v4 ? Family::Inet : any.address.family());
}

// __inet_stream_connect() and inet_dgram_connect()
Call Client::connect(int fd, Bytes name) {
    const auto found = socket_file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    SocketFile& s = f.socket;
    if (name.size() < 2 || name.size() > abi::kLargestName) return failed(Errc::InvalidArgument);
    if (family_of(name) == abi::kUnspecified) {
        const auto gone = stack_.disconnect(s.id);
        s.stage = Stage::Unconnected;
        if (!gone) return failed(gone.error());
        return Call{Answer{}};
    }
    if (s.is_stream && s.stage == Stage::Connected) return failed(Errc::AlreadyConnected);
    if (s.is_stream && s.stage == Stage::Disconnecting) return failed(Errc::InvalidArgument);
    const Duration timeout = s.send_timeout;
    if (s.is_stream && s.stage == Stage::Unconnected && state_of(f) != TcpState::Closed) {
        return failed(Errc::AlreadyConnected);
    }
    if (s.is_stream && s.stage == Stage::Connecting) {
        Call again = begin(pending::Connect{}, &f, !f.is_nonblocking(), timeout);
        const bool is_waiting =
            again.is_done() && again.value() == std::unexpected{Errc::InProgress};
        return is_waiting ? failed(Errc::AlreadyInProgress) : std::move(again);
    }
    // inet_dgram_connect(): a port comes before the name is looked at.
    const auto own = stack_.local_name(s.id);
    if (!s.is_stream && own && own->port == 0) {
        if (!stack_.bind(s.id, *own)) return failed(Errc::WouldBlock);
    }
    auto peer = read_connect_name(name, s.family, s.is_stream);
    if (!peer) return failed(peer.error());
    if (s.family == Family::Inet6 && family_of(name) == abi::kInet &&
        stack_.option(s.id, Option::V6Only).value_or(0) != 0) {
        return failed(Errc::FamilyNotSupported);
    }
    if (peer->address.is_any()) peer->address = own_loopback(*peer, s);
    const auto begun = stack_.connect(s.id, *peer);
    if (begun || !s.is_stream) {
        if (!begun) return failed(begun.error());
        return Call{Answer{}};
    }
    if (begun.error() != Errc::InProgress) return failed(begun.error());
    s.stage = Stage::Connecting;
    return begin(pending::Connect{}, &f, !f.is_nonblocking(), timeout);
}

std::optional<Answer> Client::attempt(pending::Connect&, OpenFile& f, bool may_wait) {
    const TcpState state = state_of(f);
    if (state == TcpState::SynSent || state == TcpState::SynReceived) {
        if (may_wait) return std::nullopt;
        return Answer{.value = refused(Errc::InProgress)};
    }
    const auto error = stack_.option(f.socket.id, Option::Error).value_or(0);
    if (state != TcpState::Closed && error == 0) {
        f.socket.stage = Stage::Connected;
        return Answer{};
    }
    f.socket.stage = Stage::Unconnected;
    (void)stack_.disconnect(f.socket.id);
    const Errc why = error != 0 ? static_cast<Errc>(error) : Errc::ConnectionAborted;
    return Answer{.value = refused(why)};
}

Call Client::accept(int fd, int flags) {
    const auto found = socket_file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    if ((flags & ~kFlags) != 0) return failed(Errc::InvalidArgument);
    if (!f.socket.is_stream) return failed(Errc::NotSupported);
    // The descriptor comes first: without one no connection is taken from the queue.
    if (const auto free = table_.lowest_free(); !free) return failed(free.error());
    return begin(pending::Accept{.flags = flags}, &f, !f.is_nonblocking(),
                 f.socket.receive_timeout);
}

std::optional<Answer> Client::attempt(pending::Accept& a, OpenFile& f, bool may_wait) {
    if (const auto free = table_.lowest_free(); !free) {
        return Answer{.value = refused(free.error())};
    }
    Endpoint peer;
    const auto id = stack_.accept(f.socket.id, &peer);
    if (!id) {
        if (id.error() == Errc::WouldBlock && may_wait) return std::nullopt;
        return Answer{.value = refused(id.error())};
    }
    OpenFile* accepted = files_.open_socket(*id, f.socket.family, true, a.flags & abi::kNonblock);
    if (accepted == nullptr) {
        (void)stack_.close(*id);
        return Answer{.value = refused(Errc::OutOfMemory)};
    }
    accepted->socket.stage = Stage::Connected;
    accepted->socket.receive_timeout = f.socket.receive_timeout;
    accepted->socket.send_timeout = f.socket.send_timeout;
    accepted->socket.ancillary = f.socket.ancillary;
    const auto installed = install(accepted, a.flags);
    if (!installed) return Answer{.value = refused(installed.error())};
    return Answer{.value = *installed, .name = write_name(peer, f.socket.family)};
}

Result<void> Client::shutdown(int fd, int how) {
    OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    if (how < 0 || how > 2) return refused(Errc::InvalidArgument);
    SocketFile& s = f->socket;
    if (s.is_stream && s.stage == Stage::Connecting) {
        // The call after this one does not wait for the connection any more.
        const TcpState state = state_of(*f);
        const bool is_over = state == TcpState::SynReceived || state == TcpState::Closed;
        s.stage = is_over                      ? Stage::Disconnecting
                  : state == TcpState::SynSent ? Stage::Unconnected
                                               : Stage::Connected;
    }
    return stack_.shutdown(s.id, static_cast<Shutdown>(how));
}

Result<SocketName> Client::getsockname(int fd) {
    const OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    return write_name(FAIRLEAD_TRY(stack_.local_name(f->socket.id)), f->socket.family);
}

Result<SocketName> Client::getpeername(int fd) {
    const OpenFile* f = FAIRLEAD_TRY(socket_file(fd));
    return write_name(FAIRLEAD_TRY(stack_.peer_name(f->socket.id)), f->socket.family);
}

}  // namespace fairlead::posix

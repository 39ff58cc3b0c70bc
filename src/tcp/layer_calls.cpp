// The calls of sockets that concern more than one connection: ports, listening, accepting.
#include <algorithm>
#include <cstring>

#include "tcp/layer.hpp"

namespace fairlead::tcp {

Connection* Layer::make() {
    Connection* c = connections_.make(kNoSocket);
    if (c == nullptr) return nullptr;
    c->set_socket(connections_.index_of(c));
    if (const auto* named = controller(config_.tcp_congestion_control)) {
        c->set_controller(*named);
    }
    if (config_.ip_no_pmtu_disc != 0) c->options.mtu_discovery = ip::MtuDiscovery::Dont;
    return c;
}

// RFC 6528 §3 with Linux's clock of 64 ns.
// RFC 9293 MUST-8, MUST-9, SHLD-1; RFC 6528 REQ-3
std::uint32_t Layer::make_isn(const FlowKey& key) const {
    siphash::State state{isn_secret_};
    const auto add = [&](const IpAddress& a) {
        std::uint64_t half = 0;
        std::memcpy(&half, a.bytes().data(), 8);
        state.add<2>(half);
        std::memcpy(&half, a.bytes().data() + 8, 8);
        state.add<2>(half);
    };
    add(key.local.address);
    add(key.remote.address);
    state.add<2>(std::uint64_t{key.local.port} << 16 | key.remote.port);
    return static_cast<std::uint32_t>(state.finish<4>()) +
           static_cast<std::uint32_t>(env_.now.ns() >> 6);
}

std::uint32_t Layer::timestamp_offset(const FlowKey& key) const {
    if (config_.tcp_timestamps != 1) return 0;
    FlowKey hosts = key;
    hosts.local.port = hosts.remote.port = 0;
    return hash_of(hosts, isn_secret_);
}

// Whether a socket of `family` may have that name, whoever else has it.
Result<void> Layer::check_name(const Connection& c, Family family, const IpAddress& name) const {
    const bool is_v4 = name.is_v4();
    if (family == Family::Inet && !is_v4) return std::unexpected{Errc::FamilyNotSupported};
    const bool keeps_to_itself = family == Family::Inet6 && is_v4 && c.options.v6_only;
    const bool needs_zone = name.needs_zone() && name.is_link_local() && name.zone() == 0;
    if (keeps_to_itself || needs_zone) return std::unexpected{Errc::InvalidArgument};
    const bool is_good = name.is_any() || env_.network.is_local(name, name.zone()) ||
                         config_.ip_nonlocal_bind != 0 ||
                         (is_v4 && (name.is_multicast() || name.is_limited_broadcast()));
    if (!is_good) return std::unexpected{Errc::AddressNotAvailable};
    return {};
}

// In the order of __inet_bind() and __inet6_bind().
Result<void> Layer::bind(Connection& c, Family family, const Endpoint& local,
                         std::int64_t lowest_port) {
    const bool is_v6 = family == Family::Inet6;
    if (is_v6 && !local.address.is_v4() && local.address.is_multicast()) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const auto good = check_name(c, family, local.address);
    if (!is_v6 && !good) return good;
    if (local.port != 0 && local.port < lowest_port) return std::unexpected{Errc::AccessDenied};
    if (c.state() != State::Closed || c.filing.is_bound) {
        return std::unexpected{Errc::InvalidArgument};
    }
    if (!good) return good;
    if (local.port == 0 && c.options.bind_address_no_port) {
        note_name(c, local);
        return {};
    }
    const auto taken = take_port(c, local);
    // What an earlier connection left there to be seen goes.
    if (!taken) c.key.local.address = IpAddress::any(family);
    return taken;
}

void Layer::note_name(Connection& c, const Endpoint& name) {
    c.key.local = name;
    c.filing.has_bound_address = !name.address.is_any();
    // Linux: from then on it hears nothing of IPv4, and says so.
    if (c.filing.has_bound_address && !name.address.is_v4()) c.options.v6_only = true;
}

Result<void> Layer::take_port(Connection& c, const Endpoint& local) {
    std::uint16_t port = local.port;
    if (port == 0) {
        port = FAIRLEAD_TRY(free_port(c, local.address));
    } else if (binds_.conflicts(c, local)) {
        return std::unexpected{Errc::AddressInUse};
    }
    note_name(c, {local.address, port});
    c.filing.has_bound_port = true;
    c.filing.is_port_locked = local.port != 0;
    binds_.add(c);
    return {};
}

// bind() to port 0 (inet_csk_find_open_port()): who says SO_REUSEADDR gets one of the lower half, if
// there is one.
Result<std::uint16_t> Layer::free_port(const Connection& c, const IpAddress& address) {
    constexpr std::int64_t kWorthHalving = 4;
    ip::PortRange range = local_ports_.range(c.port_range(env_));
    if (c.options.reuse_address && range.count() >= kWorthHalving) {
        const std::int64_t middle = range.low + (range.count() >> 2 << 1);
        const auto port = free_port_among(c, address, {.low = range.low, .high = middle - 1});
        if (port) return *port;
        range.low = middle;
    }
    const auto port = free_port_among(c, address, range);
    if (!port) return std::unexpected{Errc::AddressInUse};
    return *port;
}

// Odd ones first (counted from the lowest), so that connect() finds its even ones; the last of an odd
// number is left, as by Linux.
std::optional<std::uint16_t> Layer::free_port_among(const Connection& c, const IpAddress& address,
                                                    const ip::PortRange& range) {
    const std::int64_t pairs = std::max<std::int64_t>(range.count() / 2, 1);
    const FlowKey seed{.local = {address, static_cast<std::uint16_t>(env_.now.ns() >> 12)},
                       .remote = {address, static_cast<std::uint16_t>(connections_.size())}};
    const std::int64_t start = hash(seed) % pairs;
    for (const std::int64_t parity : {1, 0}) {
        for (std::int64_t i = 0; i < pairs; ++i) {
            const std::int64_t offset = (start + i) % pairs * 2 + parity;
            if (offset >= range.count()) continue;
            const auto port = static_cast<std::uint16_t>(range.low + offset);
            if (local_ports_.is_reserved(port)) continue;
            if (!binds_.conflicts(c, {address, port}, true)) return port;
        }
    }
    return std::nullopt;
}

// A 4-tuple may be used again after TIME-WAIT when timestamps keep old segments out (RFC 6191). As
// Linux, tcp_tw_reuse and its delay are asked only where we choose the port (tcp_twsk_unique).
// RFC 9293 SHLD-4; RFC 6191 REQ-2
bool Layer::is_free(const FlowKey& key, bool is_bound, std::uint32_t& isn) {
    const Ref ref = find(key, hash(key));
    if (ref.kind() == Kind::None) return true;
    if (ref.kind() != Kind::TimeWait) return false;
    TimeWait& t = *time_waits_.at(ref.index());
    const bool may_reuse = config_.tcp_tw_reuse == 1 ||
                           (config_.tcp_tw_reuse == 2 &&
                            (key.local.address.is_loopback() || key.remote.address.is_loopback()));
    const bool is_rested =
        env_.now - t.recent_taken >= Duration::from_ms(config_.tcp_tw_reuse_delay);
    if (!t.has_timestamps || !(is_bound || (may_reuse && is_rested))) return false;
    isn = isn_after(t);
    forget(t);
    env_.counters.add(Counter::TcpExtTWRecycled);
    return true;
}

// What the next connect() to this destination will look at: far apart in memory, and not in a cache.
void Layer::prefetch_port(FlowKey key, std::uint16_t port) const {
    key.local.port = port;
    demux_.prefetch(hash(key));
    binds_.prefetch(port);
}

bool Layer::may_choose(const FlowKey& key, std::uint32_t& isn) {
    if (!comes_back_here(key) || local_ports_.is_reserved(key.local.port)) return false;
    binds_.prefetch(key.local.port);  // wanted once the port is chosen
    return !binds_.is_reserved(key.local.port) && is_free(key, false, isn);
}

// Linux's __inet_hash_connect(): a keyed start for each destination, then every second port, or each
// of a range of the socket's own; the last of an odd number is left. Where the next few even ones are
// taken the odd ones are asked before all of the even ones are: a host that has used up half of its
// ports does not walk that half for each connection.
Result<std::uint16_t> Layer::ephemeral_port(const Connection& c, const Endpoint& peer,
                                            std::uint32_t& isn) {
    constexpr std::int64_t kFew = 32;
    const ip::PortRange range = local_ports_.range(c.port_range(env_));
    const std::int64_t step = range.is_own ? 1 : 2;
    const std::int64_t places = std::max<std::int64_t>(range.count() / step, 1);
    FlowKey key = c.key;
    key.remote = peer;
    key.local.port = 0;
    const std::uint32_t h = hash(key);
    for (const std::int64_t most : {std::min(kFew, places), places}) {
        for (std::int64_t parity = 0; parity < step; ++parity) {
            std::uint16_t& last = port_offsets_[h & 0xff][static_cast<std::size_t>(parity)];
            for (std::int64_t i = 0; i < most; ++i) {
                const std::int64_t offset = ((h >> 8) + last + i) % places * step + parity;
                if (offset >= range.count()) continue;
                key.local.port = static_cast<std::uint16_t>(range.low + offset);
                if (!may_choose(key, isn)) continue;
                last = static_cast<std::uint16_t>(last + i + 1);
                prefetch_port(key, static_cast<std::uint16_t>(key.local.port + step));
                return key.local.port;
            }
        }
    }
    return std::unexpected{Errc::AddressNotAvailable};
}

// tcp_ca_dst_init(): the route's word goes before the socket's.
void Layer::follow_route(Connection& c, const ip::Path& path) const {
    if (path.hints == 0) return;
    const std::string_view said = env_.network.hints_of(path).controller();
    if (const auto* named = said.empty() ? nullptr : controller(said)) c.set_controller(*named);
}

Result<void> Layer::connect(Connection& c, const Endpoint& peer, SynData* data) {
    if (c.state() == State::SynSent) return std::unexpected{Errc::AlreadyInProgress};
    if (c.state() == State::Listen) return std::unexpected{Errc::AlreadyConnected};
    if (is_synchronized(c.state()) || c.state() == State::SynReceived) {
        // Linux: the first call after the handshake says that it is done.
        if (c.filing.is_connecting && c.error() == Errc{}) {
            c.filing.is_connecting = false;
            return {};
        }
        return std::unexpected{Errc::AlreadyConnected};
    }
    // What AF_UNSPEC left is no error of this attempt.
    const Errc before_it = c.take_error();
    if (before_it != Errc{} && c.filing.has_ended) return std::unexpected{before_it};
    Endpoint to = peer;
    // Linux: to connect to "any" is to connect to this host.
    if (to.address.is_any()) {
        const bool is_v4 = c.key.local.address.is_v4();
        to.address = IpAddress::loopback(is_v4 ? Family::Inet : to.address.family());
    }
    // RFC 9293 MUST-46; RFC 1122 REQ-4.2.3.10
    if (to.address.is_multicast() || to.address.is_limited_broadcast()) {
        return std::unexpected{Errc::NetworkUnreachable};
    }
    // RFC 9293 MUST-43, MUST-44, MUST-45
    const IpAddress wanted = c.filing.has_bound_address ? c.key.local.address : IpAddress{};
    const InterfaceIndex device = c.options.device != 0 ? c.options.device : to.address.zone();
    const ip::SourcedPath path =
        FAIRLEAD_TRY(env_.network.find_path(first_hop(c, to.address), wanted, device));
    FAIRLEAD_TRY(check_keys(c, to.address));
    if (c.filing.has_ended) {  // a second attempt on the same socket
        c.filing.has_ended = false;
        c.renew(env_);
    }

    const Endpoint before = c.key.local;
    if (!c.filing.has_bound_address) c.key.local.address = path.source;
    c.key.remote = to;
    std::uint32_t isn = 0;
    if (!c.filing.has_bound_port) {
        const auto port = ephemeral_port(c, to, isn);
        if (!port) {
            c.key.local = before;
            c.key.remote = {};
            return std::unexpected{port.error()};
        }
        c.key.local.port = *port;
    } else if (!is_free(c.key, true, isn)) {
        c.key.local = before;
        c.key.remote = {};
        return std::unexpected{Errc::AddressNotAvailable};
    }
    if (isn == 0) isn = make_isn(c.key);
    follow_route(c, path);
    sign(c, c.key, isn);
    bind_header_options(c);
    const auto effects = c.open(isn, timestamp_offset(c.key), path, env_);
    if (!effects) {
        let_go(c.key);
        return std::unexpected{effects.error()};
    }
    demux_.insert(hash(c.key), ref_of(c));
    c.filing.is_hashed = true;
    if (!c.filing.is_bound) binds_.add(c);
    c.filing.is_connecting = true;
    if (start_fast_open(c, data)) return {};
    apply(c, *effects);
    return std::unexpected{Errc::InProgress};
}

void Layer::disconnect(Connection& c, Family family) {
    if (c.state() == State::Listen) return stop_listening(c);
    // tcp_disconnect(): who ends it himself is told so, as if the peer had.
    const bool is_broken_off = !c.filing.has_ended && c.state() != State::Closed;
    if (is_broken_off) apply(c, c.abort(env_));
    if (!c.filing.has_ended) return;
    c.filing.has_ended = c.filing.is_connecting = false;
    c.drop_all(env_);
    weigh(c);
    c.renew(env_);
    if (is_broken_off) c.set_error(Errc::ConnectionReset);
    c.key.remote = {};
    if (!c.filing.has_bound_address) c.key.local.address = IpAddress::any(family);
}

Result<void> Layer::destroy(Connection& c) {
    if (c.state() == State::Closed) return std::unexpected{Errc::NoSuchEntry};
    if (c.state() == State::Listen) {
        stop_listening(c);
        wake(c, kEverything);
    } else {
        apply(c, c.abort(env_, Errc::ConnectionAborted));
    }
    return {};
}

// RFC 9293 MUST-41, MUST-42
Result<void> Layer::listen(Connection& c, int backlog) {
    if (c.state() != State::Closed && c.state() != State::Listen) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const auto most = static_cast<int>(config_.somaxconn);
    // As the kernel compares: a negative backlog is a very large one.
    const int size = backlog < 0 || backlog > most ? most : backlog;
    if (c.state() == State::Listen) {
        c.filing.listener->backlog = size;
        return {};
    }
    if (!c.filing.is_bound) {
        if (const auto done = take_port(c, {c.key.local.address, 0}); !done) return done;
    } else if (binds_.conflicts(c, c.key.local)) {
        return std::unexpected{Errc::AddressInUse};
    }
    Listener* l = listeners_.make();
    if (l == nullptr) return std::unexpected{Errc::NoBuffers};
    l->backlog = size;
    c.listen(env_);
    c.filing.listener = l;
    constexpr std::int64_t kBits = kFastOpenServer | kFastOpenEveryListener;
    const bool accepts_data = (config_.tcp_fastopen & kBits) == kBits;
    if (accepts_data && fast_open(c, Option::FastOpen) == 0) {
        (void)set_fast_open(c, Option::FastOpen, backlog < 0 ? most : backlog);
    }
    return {};
}

Result<Connection*> Layer::accept(Connection& c) {
    if (c.state() != State::Listen) return std::unexpected{Errc::InvalidArgument};
    Listener& l = *c.filing.listener;
    Connection* first = l.first_accept;
    if (first == nullptr) return std::unexpected{Errc::WouldBlock};
    l.first_accept = first->filing.next_accept;
    if (l.first_accept == nullptr) l.last_accept = nullptr;
    first->filing.next_accept = nullptr;
    --l.accept_count;
    first->set_socket(connections_.index_of(first));
    return first;
}

Result<std::size_t> Layer::write(Connection& c, Bytes bytes, SendFlags flags) {
    if (c.is_deferred(env_)) return send_deferred(c, bytes);
    Effects effects;
    const auto n = c.write(bytes, flags, env_, effects);
    // What little writes add is weighed with the next segment, or alarm.
    if (n.value_or(0) >= std::size_t{kMuch}) weigh(c, kMuch);
    if (effects.ready) make_ready(c);
    if (effects.wake != 0) wake(c, effects.wake);
    return n;
}

Result<std::size_t> Layer::read(Connection& c, MutableBytes into, ReceiveFlags flags) {
    const auto n = c.read(into, flags, env_);
    weigh(c, kMuch);
    return n;
}

Result<ErrorMessage> Layer::receive_error(Connection& c, MutableBytes into) {
    const auto message = c.receive_error(into, env_);
    if (!message) return std::unexpected{Errc::WouldBlock};
    if ((readiness(c) & kError) != 0) wake(c, kError);
    return *message;
}

Result<void> Layer::shutdown(Connection& c, Shutdown how) {
    if (c.state() == State::Closed) {
        // It is shut down all the same, as by Linux.
        c.mark_shutdown(how);
        wake(c, kEverything);
        return std::unexpected{Errc::NotConnected};
    }
    if (c.state() == State::Listen) {
        // Whoever waits looks again, though nothing has changed.
        wake(c, kEverything);
        if (how != Shutdown::Write) stop_listening(c);
        return {};
    }
    apply(c, c.shutdown(how, env_));
    return {};
}

void Layer::close(Connection& c) {
    if (c.state() == State::Listen) stop_listening(c);
    if (c.filing.has_ended || (c.state() == State::Closed && !c.filing.is_hashed)) {
        c.set_socket(kNoSocket);
        unfile(c);
        c.filing.has_ended = true;
        release(c);
        return;
    }
    Effects effects = c.close(env_);
    if (!effects.ended) {
        c.filing.is_counted_orphan = true;
        // tcp_check_oom(): what nobody owns must not crowd out the rest.
        const bool is_too_much = budget_.is_exhausted() && c.is_sending_much();
        if (++orphans_ > config_.tcp_max_orphans || is_too_much) {
            env_.counters.add(Counter::TcpExtTCPAbortOnMemory);
            c.flush(env_);  // the FIN, as Linux's close() does
            effects += c.abort(env_);
        }
    }
    apply(c, effects);
}

Readiness Layer::readiness(const Connection& c) const {
    if (c.state() == State::Listen) {
        return c.filing.listener->accept_count > 0 ? kReadable : Readiness{0};
    }
    return c.readiness(env_);
}

}  // namespace fairlead::tcp

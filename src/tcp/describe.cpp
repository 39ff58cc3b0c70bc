// What there is to see of TCP's connections, requests and TIME-WAIT entries: rows of a snapshot.
#include "tcp/layer.hpp"

namespace fairlead::tcp {
namespace {

enum Phase : std::uint32_t { kListeners, kConnections, kRequests, kTimeWaits };
static_assert(kTimeWaits + 1 == Layer::kEndPhase);

// A part of a snapshot costs no more than this many looks.
constexpr std::uint32_t kMostLooks = 4096;

// The names of what has no socket: SO_COOKIE's of sockets have a generation, and this bit clear.
constexpr std::uint64_t kNameless = std::uint64_t{1} << 63;
constexpr std::uint64_t identity(Ref ref) {
    return kNameless | static_cast<std::uint64_t>(ref.kind()) << 32 | ref.index();
}

// As its socket has it, or had it: an address of IPv4 may be one of IPv6 to it.
constexpr Family family_of(bool is_v6) { return is_v6 ? Family::Inet6 : Family::Inet; }

std::uint32_t narrow(std::int64_t bytes) { return static_cast<std::uint32_t>(bytes); }

// Appends a row for each live object from cursor.at on that is wanted. True: none is left.
template <typename Slab, typename Wanted, typename RowOf>
bool walk(const Slab& slab, SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows,
          Wanted wanted, RowOf row_of) {
    for (std::uint32_t looks = 0; cursor.at < slab.capacity(); ++cursor.at, ++looks) {
        if (looks == kMostLooks || rows.size() >= most) return false;
        if (slab.is_live(cursor.at) && wanted(*slab.at(cursor.at))) {
            rows.push_back(row_of(*slab.at(cursor.at)));
        }
    }
    return true;
}

}  // namespace

TcpInfo Layer::info(const Connection& c) const {
    const TcpInfo info = c.info(env_);
    if (c.state() != State::Listen) return info;
    // Of a listener there is little to tell: its queue, and what its connections begin with.
    return {.state = State::Listen,
            .unacked_segments = static_cast<std::uint32_t>(c.filing.listener->accept_count),
            .sacked_segments = static_cast<std::uint32_t>(c.filing.listener->backlog),
            .slow_start_threshold_segments = 0,
            .congestion_window_segments = info.congestion_window_segments,
            .reordering_segments = info.reordering_segments,
            .pacing_rate = info.pacing_rate};
}

SocketRow Layer::row_of(const Connection& c) const {
    const Family family = family_of(c.options.is_v6);
    const Endpoint nobody{IpAddress::any(family), 0};
    SocketRow row{.info = {.type = SocketType::Stream,
                           .family = family,
                           .state = c.state(),
                           .local = c.key.local,
                           .peer = c.key.remote.port == 0 ? nobody : c.key.remote,
                           .interface = c.options.device},
                  .memory = c.memory(config_),
                  .tcp = info(c),
                  .congestion = std::string{c.controller().name}};
    // inet_sk_diag_fill()
    if (c.state() < State::TimeWait) row.congestion_details = c.congestion_details();
    SocketInfo& info = row.info;
    info.socket.index = c.socket();
    info.identity = identity(ref_of(c));
    info.is_orphan = c.is_orphan();
    info.is_v6_only = c.options.v6_only;
    info.tos = c.options.tos;
    info.has_shut_read = c.has_read_shutdown();
    info.has_shut_write = c.has_write_shutdown();
    info.retransmits = row.tcp->retransmits;
    info.probes = row.tcp->probes;
    if (c.state() == State::Listen) {
        info.receive_queue = row.tcp->unacked_segments;
        info.send_queue = row.tcp->sacked_segments;
    } else {
        info.receive_queue = narrow(c.readable());
        info.send_queue = narrow(c.unacked());
    }
    c.describe_timer(info, env_.now);
    return row;
}

SocketRow Layer::row_of(const Request& r) const {
    SocketRow row{.info = {.family = family_of(r.listener->options.is_v6),
                           .state = State::SynReceived,
                           .local = r.key.local,
                           .peer = r.key.remote,
                           .timer = TimerKind::Retransmit,
                           .timer_left = r.due - env_.now,
                           .retransmits = r.timeouts,
                           .identity = identity(ref_of(r))}};
    row.info.socket.index = kNoSocket;
    return row;
}

SocketRow Layer::row_of(const TimeWait& t) const {
    const FlowKey key = t.key();
    SocketRow row{.info = {.family = family_of(t.is_v6),
                           .state = t.is_fin_wait_2 ? State::FinWait2 : State::TimeWait,
                           .local = key.local,
                           .peer = key.remote,
                           .timer = TimerKind::TimeWait,
                           .timer_left = t.filed_at() - env_.now,
                           .identity = identity(ref_of(t))}};
    row.info.socket.index = kNoSocket;
    return row;
}

bool Layer::describe(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const {
    const auto any = [](const auto&) { return true; };
    // What a Fast Open connection keeps is that connection's.
    const auto is_alone = [](const Request& r) { return !r.is_fast_open; };
    const auto row = [this](const auto& object) { return row_of(object); };
    const auto is_in = [](bool listens) {
        return [listens](const Connection& c) {
            return c.filing.is_bound && (c.state() == State::Listen) == listens;
        };
    };
    bool is_done = true;
    switch (cursor.phase) {
        case kListeners: is_done = walk(connections_, cursor, most, rows, is_in(true), row); break;
        case kConnections:
            is_done = walk(connections_, cursor, most, rows, is_in(false), row);
            break;
        case kRequests: is_done = walk(requests_, cursor, most, rows, is_alone, row); break;
        case kTimeWaits: is_done = walk(time_waits_, cursor, most, rows, any, row); break;
        default: return false;
    }
    if (is_done) cursor = {.phase = cursor.phase + 1, .at = 0};
    return cursor.phase < kEndPhase;
}

}  // namespace fairlead::tcp

#include "udp/demux.hpp"

#include <algorithm>

namespace fairlead::udp {
namespace {

// What speaks for the socket; -1: it is not for it. `local`: the flow's address, or family-any for
// the second look.
int score_of(const Socket& s, const Flow& flow, const IpAddress& local) {
    if (s.local.port != flow.local.port) return -1;
    const bool is_v4 = flow.local.address.is_v4();
    if (is_v4 ? !s.takes_v4() : !s.takes_v6()) return -1;
    const bool is_bound = !s.local.address.is_any();
    if (is_bound ? s.local.address != local : !local.is_any()) return -1;
    int score = s.family == Family::Inet ? 2 : 1;
    // Whoever answers a ping, or says that it came to nothing.
    if (s.is_connected && !s.is_ping) {
        if (s.peer != flow.remote) return -1;
        score += 8;
    }
    if (s.options.device != 0) {
        if (s.options.device != flow.interface) return -1;
        score += 4;
    }
    return score;
}

// SO_REUSEPORT shares a name among those who wait for anybody.
bool is_in_group(const Socket& s) { return s.options.reuse_port && !s.is_connected; }

// Linux's inet_rcv_saddr_equal() with wildcards.
bool names_meet(const Socket& a, const IpAddress& address_a, const Socket& b) {
    const auto hears = [](const Socket& s, const IpAddress& address, Family family) {
        const bool is_v6_socket = s.family == Family::Inet6;
        if (family == Family::Inet6) return is_v6_socket && !address.is_v4();
        return !is_v6_socket || (!s.options.v6_only && (address.is_v4() || address.is_any()));
    };
    // What connect() named in IPv6 has an address in IPv4 as well for Linux (LOOPBACK4_IPV6).
    if (a.family == Family::Inet && address_a.is_any() && b.takes_v6() && !b.options.v6_only) {
        return true;
    }
    for (const Family family : {Family::Inet, Family::Inet6}) {
        if (!hears(a, address_a, family) || !hears(b, b.local.address, family)) continue;
        if (address_a.is_any() || b.local.address.is_any() || address_a == b.local.address) {
            return true;
        }
    }
    return false;
}

}  // namespace

void Demux::insert(Socket& socket) {
    if (++size_ > buckets_.size() && buckets_.size() < 65536) grow();
    // The newest first: of equals it wins, as with Linux.
    socket.next_on_port = bucket(socket.local.port);
    bucket(socket.local.port) = socket.handle;
}

void Demux::remove(Socket& socket) {
    Handle* at = &bucket(socket.local.port);
    while (*at != socket.handle) at = &sockets_[*at].next_on_port;
    *at = socket.next_on_port;
    socket.next_on_port = kNoHandle;
    --size_;
}

void Demux::grow() {
    const std::vector<Handle> old = buckets_;
    buckets_.assign(old.size() * 4, kNoHandle);
    for (const Handle first : old) {
        // Each chain is walked from its oldest, so that the order within stays.
        std::vector<Handle> chain;
        for (Handle h = first; h != kNoHandle; h = sockets_[h].next_on_port) chain.push_back(h);
        for (std::size_t i = chain.size(); i-- > 0;) {
            Socket& s = sockets_[chain[i]];
            s.next_on_port = bucket(s.local.port);
            bucket(s.local.port) = s.handle;
        }
    }
}

Socket* Demux::find(const Flow& flow) {
    Socket* exact = best_of(flow, flow.local.address);
    if (exact != nullptr) return exact;
    return best_of(flow, IpAddress::any(flow.local.address.family()));
}

Socket* Demux::best_of(const Flow& flow, const IpAddress& local) {
    Socket* best = nullptr;
    int best_score = -1;
    std::uint32_t equals = 0;  // of a SO_REUSEPORT group
    for (Handle h = bucket(flow.local.port); h != kNoHandle; h = sockets_[h].next_on_port) {
        Socket& s = sockets_[h];
        const int score = score_of(s, flow, local);
        if (score > best_score) {
            best = &s;
            best_score = score;
            equals = 0;
        }
        if (score == best_score && best != nullptr && is_in_group(s)) ++equals;
    }
    if (best == nullptr || equals < 2 || !is_in_group(*best)) return best;

    std::uint32_t chosen = static_cast<std::uint32_t>(std::uint64_t{flow.hash} * equals >> 32);
    for (Handle h = bucket(flow.local.port); h != kNoHandle; h = sockets_[h].next_on_port) {
        Socket& s = sockets_[h];
        if (!is_in_group(s) || score_of(s, flow, local) != best_score) continue;
        if (chosen-- == 0) return &s;
    }
    return best;
}

bool Demux::hears(const Socket& s, const Flow& flow) {
    if (s.local.port != flow.local.port) return false;
    if (flow.local.address.is_v4() ? !s.takes_v4() : !s.takes_v6()) return false;
    if (!s.local.address.is_any() && s.local.address != flow.local.address) return false;
    if (s.is_connected && s.peer != flow.remote) return false;
    return s.options.device == 0 || s.options.device == flow.interface;
}

bool Demux::conflicts(const Socket& socket, const Endpoint& local) const {
    for (Handle h = bucket(local.port); h != kNoHandle; h = sockets_[h].next_on_port) {
        const Socket& other = sockets_[h];
        if (&other == &socket || other.local.port != local.port) continue;
        if (socket.options.reuse_address && other.options.reuse_address) continue;
        if (socket.options.reuse_port && other.options.reuse_port) continue;
        if (socket.is_ping) return true;
        const InterfaceIndex ours = socket.options.device;
        const InterfaceIndex theirs = other.options.device;
        if (ours != 0 && theirs != 0 && ours != theirs) continue;
        if (names_meet(socket, local.address, other)) return true;
    }
    return false;
}

}  // namespace fairlead::udp

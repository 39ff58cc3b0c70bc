// udp/demux.hpp — whose datagram is it?
//
// Owns:   the bound sockets by local port, and the choice among them.
// Knows:  Linux's udp4_lib_lookup2() and compute_score(): an exact local address comes before any;
//         then a connected peer, then a bound device, then the last one bound. SO_REUSEPORT: of
//         equals, one by the hash of the flow. Bind conflicts as udp_lib_lport_inuse() has them.
// Not here: joining of groups: as with Linux's IP_MULTICAST_ALL every socket bound to the port
//         hears a group that the host hears.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "fairlead/address.hpp"
#include "udp/socket.hpp"

namespace fairlead::udp {

// What a datagram, or an error about one of ours, is looked up by.
struct Flow {
    Endpoint local{};
    Endpoint remote{};
    InterfaceIndex interface = 0;
    std::uint32_t hash = 0;  // keyed, of all four
};

class Demux {
public:
    explicit Demux(std::deque<Socket>& sockets) : sockets_{sockets}, buckets_(256, kNoHandle) {}

    void insert(Socket& socket);  // by its local port
    void remove(Socket& socket);

    // The one socket for a unicast datagram; null: nobody.
    Socket* find(const Flow& flow);
    // Calls f(Socket&) for each socket that hears a broadcast or a group.
    template <typename F>
    void for_each_listener(const Flow& flow, F&& f) {
        for (Handle h = bucket(flow.local.port); h != kNoHandle; h = sockets_[h].next_on_port) {
            if (hears(sockets_[h], flow)) f(sockets_[h]);
        }
    }
    // Whether `socket` may not have this name beside those that are there.
    bool conflicts(const Socket& socket, const Endpoint& local) const;

private:
    Handle& bucket(std::uint16_t port) { return buckets_[port & (buckets_.size() - 1)]; }
    Handle bucket(std::uint16_t port) const { return buckets_[port & (buckets_.size() - 1)]; }
    static bool hears(const Socket& socket, const Flow& flow);
    Socket* best_of(const Flow& flow, const IpAddress& local);
    void grow();

    std::deque<Socket>& sockets_;  // by handle
    std::size_t size_ = 0;
    std::vector<Handle> buckets_;
};

}  // namespace fairlead::udp

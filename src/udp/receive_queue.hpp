// udp/receive_queue.hpp — the datagrams that a socket has not read yet.
//
// Owns:   a ring of datagrams, oldest first, and what they are charged against the receive buffer.
// Charge: as Linux's truesize: the bytes in the memory that they take there, and what goes with
//         each. So that a socket's buffer holds what it would hold there.
// Not here: which socket a datagram is for (demux.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fairlead/packet.hpp"
#include "fairlead/socket.hpp"

namespace fairlead::udp {

struct Datagram {
    PacketPtr payload{};
    Endpoint from{};
    IpAddress to{};
    InterfaceIndex interface = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    std::uint16_t segment = 0;  // it is several of so many bytes; 0: it is one
    bool is_v4 = false;         // as it travelled: whose counters it moves
};

class ReceiveQueue {
public:
    static constexpr std::size_t kOverhead = 576;  // sk_buff and skb_shared_info
    static constexpr std::size_t charge_of(std::size_t payload_bytes) {
        return kOverhead + (payload_bytes + 63) / 64 * 64;
    }

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    std::size_t charged() const { return charged_; }
    // An empty queue takes anything, as Linux's does.
    bool has_room(std::size_t payload_bytes, std::size_t limit) const {
        return empty() || charged_ + charge_of(payload_bytes) <= limit;
    }

    void push(Datagram datagram);
    Datagram& front() { return ring_[head_]; }
    const Datagram& front() const { return ring_[head_]; }
    void pop();
    void clear();

private:
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    std::size_t charged_ = 0;
    std::vector<Datagram> ring_{};  // a power of two long, or empty
};

}  // namespace fairlead::udp

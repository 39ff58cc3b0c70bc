// ip/steering.hpp — which member of a group of stacks a packet belongs to.
//
// Owns:   Steering: the Toeplitz hash by which devices spread packets over their queues (receive
//         side scaling), over addresses and ports, or over addresses alone where the ports are not
//         in sight (a fragment, an ICMP message).
// Knows:  the Microsoft RSS specification's hash and its verification suite.
// Use:    the device, the stack that picks a port, and the stack that finds a packet misplaced ask
//         the same value.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fairlead/address.hpp"

namespace fairlead::ip {

class Steering {
public:
    static constexpr std::size_t kKeyBytes = 40;
    using Key = std::array<std::uint8_t, kKeyBytes>;
    // The key of the specification, which many devices have from the start.
    static const Key kUsualKey;

    explicit Steering(std::uint16_t members, const Key& key = kUsualKey);

    std::uint16_t members() const { return members_; }
    // Of a packet from `remote` to `local`.
    std::uint32_t hash(const Endpoint& remote, const Endpoint& local) const;
    std::uint32_t hash(const IpAddress& remote, const IpAddress& local) const;
    std::uint16_t member_of(const Endpoint& remote, const Endpoint& local) const {
        return member_of_hash(hash(remote, local));
    }
    std::uint16_t member_of(const IpAddress& remote, const IpAddress& local) const {
        return member_of_hash(hash(remote, local));
    }

private:
    // 16 + 16 bytes of addresses, 4 of ports: what each byte at each place adds.
    static constexpr std::size_t kMostBytes = 36;
    using Row = std::array<std::uint32_t, 256>;

    std::uint16_t member_of_hash(std::uint32_t hash) const {
        return static_cast<std::uint16_t>(hash % members_);
    }
    std::uint32_t add(std::size_t& at, std::span<const std::uint8_t> bytes) const {
        std::uint32_t h = 0;
        for (const std::uint8_t byte : bytes) h ^= rows_[at++][byte];
        return h;
    }

    std::uint16_t members_;
    std::vector<Row> rows_;
};

}  // namespace fairlead::ip

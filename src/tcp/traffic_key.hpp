// tcp/traffic_key.hpp — what TCP-AO makes of a master key: the key of one direction, and a segment's code.
//
// Owns:   traffic_key() (RFC 5926 §3.1), code_of() (RFC 5925 §5.1), the extension of sequence numbers
//         (RFC 5925 §6.2).
// Not here: which key it is (tcp/key_chain.hpp), when it is asked for (tcp/signature.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/authentication.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::tcp {

// Where a segment comes from and goes to, and with which numbers the two began.
struct Direction {
    Endpoint source{};
    Endpoint target{};
    std::uint32_t source_isn = 0;
    std::uint32_t target_isn = 0;  // of a SYN without ACK: zero

    bool operator==(const Direction&) const = default;
};

struct TrafficKey {
    static constexpr std::size_t kMostBytes = 20;

    std::array<std::byte, kMostBytes> storage{};
    std::uint8_t size = 0;

    Bytes bytes() const { return Bytes{storage}.first(size); }
};

TrafficKey traffic_key(const MasterKey& key, const Direction& direction);

// A segment whose header lies in `header`, with its options, and its data in the packet from `data` on.
struct SignedSegment {
    const Direction& direction;
    Bytes header{};
    const Packet& packet;
    std::size_t data = 0;
    std::uint32_t extension = 0;  // the upper half of its sequence number
};

// The code's place in the header counts as zero, whatever is there; `at`: from the header's beginning.
using Code = std::array<std::byte, MasterKey::kMostCodeBytes>;
Code code_of(const MasterKey& key, const TrafficKey& traffic, const SignedSegment& segment,
             std::size_t at);

// The number of 64 bits that is next to `reference` of those whose lower half is `seq`.
constexpr std::uint64_t extended(std::uint64_t reference, std::uint32_t seq) {
    const auto step = static_cast<std::int32_t>(seq - static_cast<std::uint32_t>(reference));
    return reference + static_cast<std::uint64_t>(std::int64_t{step});
}
constexpr std::uint32_t extension_of(std::uint64_t number) {
    return static_cast<std::uint32_t>(number >> 32);
}

}  // namespace fairlead::tcp

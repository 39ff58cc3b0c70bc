#include "ip/steering.hpp"

#include "base/assert.hpp"

namespace fairlead::ip {

const Steering::Key Steering::kUsualKey{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                        0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                        0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

// Bit n of the input, counted from the first, adds the 32 bits of the key that begin at its bit n.
Steering::Steering(std::uint16_t members, const Key& key) : members_{members}, rows_(kMostBytes) {
    FAIRLEAD_ASSERT(members > 0);
    for (std::size_t at = 0; at < kMostBytes; ++at) {
        std::uint64_t window = 0;  // 40 bits of the key, from this byte on
        for (std::size_t i = 0; i < 5; ++i) window = window << 8 | key[(at + i) % kKeyBytes];
        for (std::size_t byte = 0; byte < 256; ++byte) {
            std::uint32_t sum = 0;
            for (std::size_t bit = 0; bit < 8; ++bit) {
                if ((byte >> (7 - bit) & 1) == 0) continue;
                sum ^= static_cast<std::uint32_t>(window >> (8 - bit));
            }
            rows_[at][byte] = sum;
        }
    }
}

std::uint32_t Steering::hash(const IpAddress& remote, const IpAddress& local) const {
    std::size_t at = 0;
    const std::uint32_t first = add(at, remote.wire_bytes());
    return first ^ add(at, local.wire_bytes());
}

std::uint32_t Steering::hash(const Endpoint& remote, const Endpoint& local) const {
    std::size_t at = 0;
    std::uint32_t h = add(at, remote.address.wire_bytes());
    h ^= add(at, local.address.wire_bytes());
    const std::array<std::uint8_t, 4> ports{
        static_cast<std::uint8_t>(remote.port >> 8), static_cast<std::uint8_t>(remote.port),
        static_cast<std::uint8_t>(local.port >> 8), static_cast<std::uint8_t>(local.port)};
    return h ^ add(at, ports);
}

}  // namespace fairlead::ip

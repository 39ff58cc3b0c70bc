// tcp/flow.hpp — the name of a connection.
//
// Owns:   FlowKey (both ends; a link-local address has its interface as a zone), its keyed hash.
// Why:    the hash is keyed so that nobody outside can aim at one slot of the demux, and cheap
//         because every segment pays for it: two rounds of multiply and fold.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/siphash.hpp"
#include "fairlead/address.hpp"

namespace fairlead::tcp {

struct FlowKey {
    Endpoint local{};
    Endpoint remote{};

    constexpr bool operator==(const FlowKey&) const = default;
};

inline std::uint32_t hash_of(const FlowKey& key, const SipKey& secret) {
    const auto fold = [](std::uint64_t a, std::uint64_t b) {
        // The high and low half of the product: each bit of either depends on all of both.
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    const auto half = [](const IpAddress& a, std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, a.bytes().data() + at, sizeof word);
        return word;
    };
    const std::uint64_t ports = std::uint64_t{key.local.port} << 48 | std::uint64_t{key.remote.port}
                                                                          << 32;
    std::uint64_t h = fold(half(key.remote.address, 8) ^ secret.k0, ports ^ secret.k1);
    h = fold(h ^ half(key.local.address, 8), secret.k0 ^ 0x9e37'79b9'7f4a'7c15u);
    if (!key.remote.address.is_v4()) {
        h = fold(h ^ half(key.remote.address, 0), half(key.local.address, 0) ^ secret.k1);
    }
    return static_cast<std::uint32_t>(h >> 32);
}

}  // namespace fairlead::tcp

// ip/address_hash.hpp — a keyed hash of addresses, for tables that strangers can fill.
//
// Owns:   two 64-bit keys. Whoever does not know them cannot choose addresses that collide.
// Cost:   two or three multiplications; no loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/prng.hpp"
#include "fairlead/address.hpp"

namespace fairlead::ip {

class AddressHash {
public:
    // Spread first, so that a key of few bits, as a test may have, makes no bad hash.
    constexpr AddressHash(std::uint64_t key0, std::uint64_t key1)
        : key0_{splitmix64(key0)}, key1_{splitmix64(key1) + key0_} {}
    explicit AddressHash(std::span<const std::uint8_t, 16> key)
        : AddressHash{word(key.first<8>()), word(key.last<8>())} {}

    std::uint64_t operator()(const IpAddress& a, std::uint64_t more = 0) const {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, a.bytes().data(), 8);
        std::memcpy(&low, a.bytes().data() + 8, 8);
        return fold(fold(high ^ key0_, low ^ key1_) ^ more, key0_ ^ a.zone());
    }
    std::uint64_t operator()(const IpAddress& a, const IpAddress& b, std::uint64_t more = 0) const {
        return (*this)(b, (*this)(a, more));
    }

private:
    static std::uint64_t word(std::span<const std::uint8_t, 8> bytes) {
        std::uint64_t v = 0;
        std::memcpy(&v, bytes.data(), sizeof v);
        return v;
    }
    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }

    std::uint64_t key0_;
    std::uint64_t key1_;
};

}  // namespace fairlead::ip

// siphash.hpp — a keyed hash that a peer without the key cannot steer.
//
// Owns:   SipHash-2-4 (secrets: initial sequence numbers, cookies) and SipHash-1-3 (hash tables),
//         over bytes and over small values.
// Knows:  Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
// Not here: where a key comes from. It is handed in with the configuration, as every seed is.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "fairlead/bytes.hpp"

namespace fairlead {

struct SipKey {
    std::uint64_t k0 = 0;  // the first eight bytes of the key, little-endian
    std::uint64_t k1 = 0;

    constexpr bool operator==(const SipKey&) const = default;
};

std::uint64_t siphash_2_4(const SipKey& key, Bytes message);
std::uint64_t siphash_1_3(const SipKey& key, Bytes message);

namespace siphash {

// The four words of state. Rounds of a word are a template argument, so that both variants unroll.
class State {
public:
    explicit constexpr State(const SipKey& key)
        : v0_{key.k0 ^ 0x736f'6d65'7073'6575u},
          v1_{key.k1 ^ 0x646f'7261'6e64'6f6du},
          v2_{key.k0 ^ 0x6c79'6765'6e65'7261u},
          v3_{key.k1 ^ 0x7465'6462'7974'6573u} {}

    template <int Rounds>
    constexpr void add(std::uint64_t word) {
        v3_ ^= word;
        for (int i = 0; i < Rounds; ++i) round();
        v0_ ^= word;
    }
    template <int Rounds>
    constexpr std::uint64_t finish() {
        v2_ ^= 0xff;
        for (int i = 0; i < Rounds; ++i) round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    constexpr void round() {
        v0_ += v1_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v3_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ += v3_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ += v1_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_, v1_, v2_, v3_;
};

// A value whose bytes are all meaning: no padding, no two representations of one value, and no span
// or pointer, of which the address would be hashed instead of what is there.
template <typename T>
concept Hashable =
    std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T> &&
    !std::is_pointer_v<T> && !std::is_convertible_v<const T&, Bytes> && sizeof(T) <= 128;

// `Size` bytes of the value from `at` on, as the low bytes of a word. Loaded one by one: a copy of
// the whole would wait for the stores that have just made it.
template <std::size_t Size, Hashable T>
constexpr std::uint64_t load_part(const T& value, std::size_t at) {
    std::uint64_t word = 0;
    if consteval {
        const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value);
        for (std::size_t i = 0; i < Size; ++i) word |= std::uint64_t{bytes[at + i]} << (8 * i);
    } else {
        std::memcpy(&word, reinterpret_cast<const std::byte*>(&value) + at, Size);
        if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    }
    return word;
}

template <int Rounds, int FinalRounds, Hashable T>
constexpr std::uint64_t of_value(const SipKey& key, const T& value) {
    constexpr std::size_t kWhole = sizeof(T) / 8 * 8;
    State state{key};
    for (std::size_t at = 0; at < kWhole; at += 8) state.add<Rounds>(load_part<8>(value, at));
    std::uint64_t last = std::uint64_t{sizeof(T)} << 56;
    if constexpr (sizeof(T) != kWhole) last |= load_part<sizeof(T) - kWhole>(value, kWhole);
    state.add<Rounds>(last);
    return state.finish<FinalRounds>();
}

}  // namespace siphash

// Of a small value: the same as over its bytes in memory, and inline.
template <siphash::Hashable T>
constexpr std::uint64_t siphash_2_4(const SipKey& key, const T& value) {
    return siphash::of_value<2, 4>(key, value);
}
template <siphash::Hashable T>
constexpr std::uint64_t siphash_1_3(const SipKey& key, const T& value) {
    return siphash::of_value<1, 3>(key, value);
}

}  // namespace fairlead

// prng.hpp — chance that can be repeated.
//
// Owns:   Prng, the generator xoshiro256** (Blackman and Vigna, 2018) seeded by splitmix64.
// Why:    a seed must give the same run on every machine, compiler and library, which the
//         distributions of <random> do not promise. Integers only, no hidden state.
// Not here: secrets. What a peer must not guess comes from siphash under a key.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/assert.hpp"

namespace fairlead {

// Spreads a seed or a counter over 64 bits; also how one seed becomes several.
constexpr std::uint64_t splitmix64(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9e37'79b9'7f4a'7c15u);
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9u;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11ebu;
    return z ^ (z >> 31);
}

class Prng {
public:
    explicit constexpr Prng(std::uint64_t seed) {
        for (auto& word : state_) word = splitmix64(seed);
    }

    constexpr std::uint64_t next() {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }
    constexpr std::uint32_t next_u32() { return static_cast<std::uint32_t>(next() >> 32); }

    // 0 to n - 1, each as likely as the other; n is not 0. What would favour the low ones is
    // thrown away.
    constexpr std::uint64_t below(std::uint64_t n) {
        FAIRLEAD_ASSERT(n != 0);
        const std::uint64_t excess = (0 - n) % n;  // 2^64 mod n
        for (;;) {
            const std::uint64_t v = next();
            if (v >= excess) return v % n;
        }
    }
    // low to high, both included.
    constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        FAIRLEAD_ASSERT(low <= high);
        const std::uint64_t width = high - low;
        return width == UINT64_MAX ? next() : low + below(width + 1);
    }
    // True `numerator` times out of `denominator`. How much is drawn hangs on the denominator
    // alone, so that changing the odds does not move what is drawn later.
    constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return below(denominator) < numerator;
    }
    // A generator whose sequence has nothing to do with ours from here on.
    constexpr Prng split() { return Prng{next()}; }

private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace fairlead

#include "base/sha1.hpp"

#include <algorithm>
#include <bit>

namespace fairlead {
namespace {

constexpr std::size_t kWords = 16;
constexpr std::size_t kRounds = 80;
constexpr std::size_t kRoundsAlike = 20;

// FIPS 180-4 §4.1.1 and §4.2.1: what the next twenty rounds make of three words.
std::uint32_t mixed(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    switch (round / kRoundsAlike) {
        case 0: return ((b & c) | (~b & d)) + 0x5a82'7999;
        case 1: return (b ^ c ^ d) + 0x6ed9'eba1;
        case 2: return ((b & c) | (b & d) | (c & d)) + 0x8f1b'bcdc;
        default: return (b ^ c ^ d) + 0xca62'c1d6;
    }
}

}  // namespace

void Sha1::take(Bytes block) {
    constexpr int kTurn = 5;
    constexpr int kTurnBack = 30;
    std::array<std::uint32_t, kRounds> words{};
    for (std::size_t i = 0; i < kWords; ++i) words[i] = load_be<std::uint32_t>(block, i * 4);
    for (std::size_t i = kWords; i < kRounds; ++i) {
        words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - kWords], 1);
    }
    auto [a, b, c, d, e] = state_;
    for (std::size_t i = 0; i < kRounds; ++i) {
        const std::uint32_t sum = std::rotl(a, kTurn) + mixed(i, b, c, d) + e + words[i];
        e = d;
        d = c;
        c = std::rotl(b, kTurnBack);
        b = a;
        a = sum;
    }
    state_[0] += a;
    state_[1] += b;
    state_[2] += c;
    state_[3] += d;
    state_[4] += e;
}

Sha1::Digest Sha1::finish() {
    pad(std::endian::big);
    Digest digest{};
    for (std::size_t i = 0; i < state_.size(); ++i) {
        store_be(MutableBytes{digest}, i * 4, state_[i]);
    }
    return digest;
}

// RFC 2104 §2: a key that is longer than a block is its digest; one that is shorter ends in zeros.
HmacSha1::HmacSha1(Bytes key) {
    constexpr std::byte kInner{0x36};
    constexpr std::byte kOuter{0x5c};
    std::array<std::byte, Sha1::kBlockBytes> inner{};
    if (key.size() > inner.size()) {
        Sha1 digest;
        digest.add(key);
        std::ranges::copy(digest.finish(), inner.begin());
    } else {
        std::ranges::copy(key, inner.begin());
    }
    auto outer = inner;
    for (std::byte& b : inner) b ^= kInner;
    for (std::byte& b : outer) b ^= kOuter;
    inner_.add(inner);
    outer_.add(outer);
}

Sha1::Digest HmacSha1::finish() {
    outer_.add(inner_.finish());
    return outer_.finish();
}

}  // namespace fairlead

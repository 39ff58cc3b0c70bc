#include "base/aes_cmac.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fairlead {
namespace {

constexpr std::size_t kColumn = 4;  // bytes
constexpr std::uint8_t kReduction = 0x1b;

// FIPS 197 §4.2.1: times x, among the bytes as polynomials.
constexpr std::uint8_t doubled(std::uint8_t b) {
    return static_cast<std::uint8_t>(b << 1 ^ ((b & 0x80) != 0 ? kReduction : 0));
}

// FIPS 197 §5.1.1: the inverse, and a mixture of its bits. `p` goes through all but zero as the powers of
// three, `q` the other way round, so that each is the other's inverse.
constexpr std::array<std::uint8_t, 256> make_table() {
    constexpr std::uint8_t kAdded = 0x63;
    constexpr std::uint8_t kThird = 0x09;
    std::array<std::uint8_t, 256> table{};
    table[0] = kAdded;
    std::uint8_t p = 1;
    std::uint8_t q = 1;
    do {
        p = static_cast<std::uint8_t>(p ^ doubled(p));
        q = static_cast<std::uint8_t>(q ^ q << 1);
        q = static_cast<std::uint8_t>(q ^ q << 2);
        q = static_cast<std::uint8_t>(q ^ q << 4);
        if ((q & 0x80) != 0) q = static_cast<std::uint8_t>(q ^ kThird);
        const unsigned turned =
            q ^ std::rotl(q, 1) ^ std::rotl(q, 2) ^ std::rotl(q, 3) ^ std::rotl(q, 4);
        table[p] = static_cast<std::uint8_t>(turned ^ kAdded);
    } while (p != 1);
    return table;
}

constexpr std::array<std::uint8_t, 256> kTable = make_table();
static_assert(kTable[0x01] == 0x7c && kTable[0x53] == 0xed && kTable[0xff] == 0x16);

std::byte substituted(std::byte b) { return std::byte{kTable[std::to_integer<std::size_t>(b)]}; }
std::byte doubled(std::byte b) { return std::byte{doubled(std::to_integer<std::uint8_t>(b))}; }

void add_to(Aes128::Block& to, const Aes128::Block& other) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] ^= other[i];
}

// FIPS 197 §5.1.1, §5.1.2: each byte by the table, and row r moved by r columns.
Aes128::Block shifted(const Aes128::Block& block) {
    Aes128::Block to{};
    for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = substituted(block[(i + kColumn * (i % kColumn)) % block.size()]);
    }
    return to;
}

// FIPS 197 §5.1.3
void mix_columns(Aes128::Block& block) {
    for (std::size_t at = 0; at < block.size(); at += kColumn) {
        std::array<std::byte, kColumn> c{};
        std::memcpy(c.data(), block.data() + at, kColumn);
        const std::byte all = c[0] ^ c[1] ^ c[2] ^ c[3];
        for (std::size_t r = 0; r < kColumn; ++r) {
            block[at + r] ^= all ^ doubled(c[r] ^ c[(r + 1) % kColumn]);
        }
    }
}

// RFC 4493 §2.3: times x, among the blocks as polynomials.
Aes128::Block doubled(const Aes128::Block& block) {
    constexpr std::byte kBlockReduction{0x87};
    Aes128::Block to{};
    std::byte carried{0};
    for (std::size_t i = to.size(); i-- > 0;) {
        to[i] = block[i] << 1 | carried;
        carried = block[i] >> 7;
    }
    if (carried != std::byte{0}) to.back() ^= kBlockReduction;
    return to;
}

}  // namespace

// FIPS 197 §5.2
Aes128::Aes128(const Block& key) {
    keys_[0] = key;
    std::uint8_t constant = 1;
    for (std::size_t round = 1; round <= kRounds; ++round) {
        const Block& before = keys_[round - 1];
        Block& now = keys_[round];
        for (std::size_t i = 0; i < kColumn; ++i) {
            const std::size_t last = kBytes - kColumn;
            now[i] = before[i] ^ substituted(before[last + (i + 1) % kColumn]);
        }
        now[0] ^= std::byte{constant};
        for (std::size_t i = kColumn; i < kBytes; ++i) now[i] = before[i] ^ now[i - kColumn];
        constant = doubled(constant);
    }
}

void Aes128::encrypt(Block& block) const {
    add_to(block, keys_[0]);
    for (std::size_t round = 1; round <= kRounds; ++round) {
        block = shifted(block);
        if (round < kRounds) mix_columns(block);
        add_to(block, keys_[round]);
    }
}

AesCmac::AesCmac(const Aes128::Block& key) : cipher_{key} {}

// The last block waits: only the end tells that it is the last.
void AesCmac::add(Bytes bytes) {
    while (!bytes.empty()) {
        if (filled_ == rest_.size()) {
            add_to(chained_, rest_);
            cipher_.encrypt(chained_);
            filled_ = 0;
        }
        const std::size_t n = std::min(bytes.size(), rest_.size() - filled_);
        std::memcpy(rest_.data() + filled_, bytes.data(), n);
        filled_ += n;
        bytes = bytes.subspan(n);
    }
}

// RFC 4493 §2.4
AesCmac::Digest AesCmac::finish() {
    constexpr std::byte kEnd{0x80};
    Aes128::Block mask{};
    cipher_.encrypt(mask);
    mask = doubled(mask);
    if (filled_ < rest_.size()) {
        mask = doubled(mask);
        rest_[filled_] = kEnd;
        std::fill(rest_.begin() + static_cast<std::ptrdiff_t>(filled_) + 1, rest_.end(),
                  std::byte{0});
    }
    add_to(chained_, rest_);
    add_to(chained_, mask);
    cipher_.encrypt(chained_);
    return chained_;
}

}  // namespace fairlead

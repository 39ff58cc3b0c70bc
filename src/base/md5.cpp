#include "base/md5.hpp"

#include <bit>

#include "base/bytes.hpp"

namespace fairlead {
namespace {

// RFC 1321 §3.4: the whole part of 2^32 times |sin(i + 1)|.
constexpr std::array<std::uint32_t, 64> kSines{
    0xd76a'a478, 0xe8c7'b756, 0x2420'70db, 0xc1bd'ceee, 0xf57c'0faf, 0x4787'c62a, 0xa830'4613,
    0xfd46'9501, 0x6980'98d8, 0x8b44'f7af, 0xffff'5bb1, 0x895c'd7be, 0x6b90'1122, 0xfd98'7193,
    0xa679'438e, 0x49b4'0821, 0xf61e'2562, 0xc040'b340, 0x265e'5a51, 0xe9b6'c7aa, 0xd62f'105d,
    0x0244'1453, 0xd8a1'e681, 0xe7d3'fbc8, 0x21e1'cde6, 0xc337'07d6, 0xf4d5'0d87, 0x455a'14ed,
    0xa9e3'e905, 0xfcef'a3f8, 0x676f'02d9, 0x8d2a'4c8a, 0xfffa'3942, 0x8771'f681, 0x6d9d'6122,
    0xfde5'380c, 0xa4be'ea44, 0x4bde'cfa9, 0xf6bb'4b60, 0xbebf'bc70, 0x289b'7ec6, 0xeaa1'27fa,
    0xd4ef'3085, 0x0488'1d05, 0xd9d4'd039, 0xe6db'99e5, 0x1fa2'7cf8, 0xc4ac'5665, 0xf429'2244,
    0x432a'ff97, 0xab94'23a7, 0xfc93'a039, 0x655b'59c3, 0x8f0c'cc92, 0xffef'f47d, 0x8584'5dd1,
    0x6fa8'7e4f, 0xfe2c'e6e0, 0xa301'4314, 0x4e08'11a1, 0xf753'7e82, 0xbd3a'f235, 0x2ad7'd2bb,
    0xeb86'd391};

constexpr std::array<std::array<int, 4>, 4> kTurns{
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

std::uint32_t load_le(Bytes from, std::size_t at) {
    return std::byteswap(load_be<std::uint32_t>(from, at));
}

// What one of the four rounds makes of three words, and which word of the block comes to it.
std::uint32_t mixed(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    switch (round) {
        case 0: return (b & c) | (~b & d);
        case 1: return (b & d) | (c & ~d);
        case 2: return b ^ c ^ d;
        default: return c ^ (b | ~d);
    }
}
std::size_t word_of(std::size_t round, std::size_t i) {
    constexpr std::array<std::size_t, 4> kStep{1, 5, 3, 7};
    constexpr std::array<std::size_t, 4> kFirst{0, 1, 5, 0};
    return (i * kStep[round] + kFirst[round]) % 16;
}

}  // namespace

void Md5::take(Bytes block) {
    auto [a, b, c, d] = state_;
    for (std::size_t i = 0; i < kSines.size(); ++i) {
        const std::size_t round = i / 16;
        const std::uint32_t word = load_le(block, word_of(round, i) * 4);
        const std::uint32_t sum = a + mixed(round, b, c, d) + kSines[i] + word;
        a = d;
        d = c;
        c = b;
        b += std::rotl(sum, kTurns[round][i % 4]);
    }
    state_[0] += a;
    state_[1] += b;
    state_[2] += c;
    state_[3] += d;
}

Md5::Digest Md5::finish() {
    pad(std::endian::little);
    Digest digest{};
    for (std::size_t i = 0; i < state_.size(); ++i) {
        store_be(MutableBytes{digest}, i * 4, std::byteswap(state_[i]));
    }
    return digest;
}

}  // namespace fairlead

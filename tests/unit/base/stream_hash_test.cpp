#include "base/stream_hash.hpp"

#include <array>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

std::uint64_t hash_in_pieces(Bytes bytes, std::size_t piece) {
    StreamHash hash;
    while (!bytes.empty()) {
        const Bytes part = bytes.first(std::min(piece, bytes.size()));
        hash.add(part);
        bytes = bytes.subspan(part.size());
    }
    return hash.value();
}

TEST(StreamHash, DoesNotDependOnHowTheBytesAreCut) {
    std::array<std::byte, 100> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
    const std::uint64_t whole = hash_in_pieces(bytes, 100);
    for (std::size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(hash_in_pieces(bytes, piece), whole);
    EXPECT_NE(hash_in_pieces(Bytes{bytes}.first(99), 100), whole);
    bytes[50] ^= std::byte{1};
    EXPECT_NE(hash_in_pieces(bytes, 100), whole);
}

TEST(StreamHash, WordsAreTheirBytesFromTheLowest) {
    StreamHash words;
    words.add(std::uint64_t{0x0807'0605'0403'0201});
    const std::array<std::byte, 8> same{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                        std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
    EXPECT_EQ(words.value(), hash_in_pieces(same, 8));
    // Zeros at the end count.
    StreamHash none;
    StreamHash zero;
    zero.add(Bytes{std::array<std::byte, 1>{}});
    EXPECT_NE(none.value(), zero.value());
}

}  // namespace

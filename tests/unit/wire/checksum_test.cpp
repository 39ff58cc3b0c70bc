#include "wire/checksum.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/wire/captured.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

// RFC 1071 §4.1 as it stands there, a byte pair at a time: what the fast one is held against.
std::uint16_t plain_sum(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto v = std::to_integer<std::uint32_t>(bytes[i]);
        sum += i % 2 == 0 ? v << 8 : v;
        if (sum > 0xffff) sum -= 0xffff;
    }
    return static_cast<std::uint16_t>(sum);
}

std::vector<std::byte> random_bytes(Prng& prng, std::size_t n) {
    std::vector<std::byte> bytes(n);
    for (auto& b : bytes) b = static_cast<std::byte>(prng.next());
    return bytes;
}

TEST(Checksum, GivesTheExampleOfRfc1071) {
    const auto bytes = captured::from_hex("0001 f203 f4f5 f6f7");
    EXPECT_EQ(sum_of(bytes).fold(), 0xddf2);
    EXPECT_EQ(sum_of(bytes).checksum(), 0x220d);
}

TEST(Checksum, OfNothingIsAllOnes) {
    EXPECT_EQ(sum_of({}).fold(), 0);
    EXPECT_EQ(sum_of({}).checksum(), 0xffff);
    EXPECT_FALSE(sum_of({}).is_valid());
}

TEST(Checksum, AgreesWithThePlainLoopAtEveryLengthAndAlignment) {
    Prng prng{1};
    const auto bytes = random_bytes(prng, 700);
    for (std::size_t from = 0; from < 9; ++from) {
        for (std::size_t n = 0; n + from <= bytes.size(); ++n) {
            const Bytes piece = Bytes{bytes}.subspan(from, n);
            ASSERT_EQ(sum_of(piece).fold(), plain_sum(piece)) << from << " " << n;
        }
    }
}

TEST(Checksum, DoesNotOverflowOnTheLargestPacketOfAllOnes) {
    const std::vector<std::byte> ones(65'536 + 40, std::byte{0xff});
    EXPECT_EQ(sum_of(ones).fold(), 0xffff);
    EXPECT_TRUE(sum_of(ones).is_valid());
    EXPECT_EQ(sum_of(Bytes{ones}.first(65'535)).fold(), plain_sum(Bytes{ones}.first(65'535)));
}

TEST(Checksum, OfPiecesOfAnyLengthIsThatOfTheWhole) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Prng prng{seed};
        const auto whole = random_bytes(prng, prng.below(3000));
        PartialSum added;
        PartialSum appended;
        for (std::size_t at = 0; at < whole.size();) {
            const auto n = std::min<std::size_t>(prng.between(1, 400), whole.size() - at);
            added.add(Bytes{whole}.subspan(at, n));
            appended.append(sum_of(Bytes{whole}.subspan(at, n)));
            at += n;
        }
        ASSERT_EQ(added.fold(), plain_sum(whole)) << "seed " << seed;
        ASSERT_EQ(appended.fold(), plain_sum(whole)) << "seed " << seed;
    }
}

TEST(Checksum, IsSummedWhileItIsCopied) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Prng prng{seed};
        const auto from = random_bytes(prng, prng.below(2000));
        const std::size_t shift = prng.below(9);
        std::vector<std::byte> to(from.size() + shift + 8, std::byte{0xaa});
        const auto sum = copy_and_sum(MutableBytes{to}.subspan(shift), from);
        ASSERT_EQ(sum.fold(), plain_sum(from)) << "seed " << seed;
        const auto begin = to.begin() + static_cast<std::ptrdiff_t>(shift);
        ASSERT_TRUE(std::equal(from.begin(), from.end(), begin)) << "seed " << seed;
        ASSERT_TRUE(std::all_of(begin + static_cast<std::ptrdiff_t>(from.size()), to.end(),
                                [](std::byte b) { return b == std::byte{0xaa}; }))
            << "seed " << seed;
    }
}

TEST(Checksum, OfACopyKeepsItsOddLengthInMind) {
    const auto bytes = captured::from_hex("112233 445566");
    std::vector<std::byte> to(6);
    PartialSum sum = copy_and_sum(to, Bytes{bytes}.first(3));
    sum.append(copy_and_sum(MutableBytes{to}.subspan(3), Bytes{bytes}.subspan(3)));
    EXPECT_EQ(sum.fold(), plain_sum(bytes));
    EXPECT_EQ(to, bytes);
}

TEST(Checksum, ReadsFieldsInHostOrder) {
    PartialSum sum;
    sum.add_u16(0x1234);
    sum.add_u16(0x0001);
    EXPECT_EQ(sum.fold(), 0x1235);
}

TEST(Checksum, OfTheKernelsSegmentsIsValidWithItsPseudoHeader) {
    for (const auto text : captured::kTcpFrames) {
        const auto frame = captured::from_hex(text);
        const bool is_v4 = frame[12] == std::byte{0x08};
        const Bytes segment = Bytes{frame}.subspan(is_v4 ? 34 : 54);
        const auto address = [&](std::size_t v4_at, std::size_t v6_at) {
            if (is_v4) return IpAddress::v4(load_be<std::uint32_t>(frame, v4_at));
            std::array<std::uint8_t, 16> bytes{};
            for (std::size_t i = 0; i < 16; ++i) {
                bytes[i] = std::to_integer<std::uint8_t>(frame[v6_at + i]);
            }
            return IpAddress::v6(bytes);
        };
        PartialSum sum = pseudo_header(address(26, 22), address(30, 38), IpProtocol::Tcp,
                                       static_cast<std::uint32_t>(segment.size()));
        sum.add(segment);
        EXPECT_TRUE(sum.is_valid()) << text;
    }
}

TEST(Checksum, OfThePseudoHeaderCountsEachField) {
    const auto a = IpAddress::v4(192, 0, 2, 1);
    const auto b = IpAddress::v4(192, 0, 2, 2);
    // RFC 9293 §3.1: addresses, zero and protocol, length.
    EXPECT_EQ(pseudo_header(a, b, IpProtocol::Tcp, 20).fold(),
              plain_sum(captured::from_hex("c0000201 c0000202 0006 0014")));
    const auto c = *IpAddress::parse("2001:db8::1");
    const auto d = *IpAddress::parse("2001:db8::2");
    // RFC 8200 §8.1: addresses, 32 bits of length, zero and next header.
    EXPECT_EQ(pseudo_header(c, d, IpProtocol::Icmpv6, 0x0001'0008).fold(),
              plain_sum(captured::from_hex("20010db8000000000000000000000001"
                                           "20010db8000000000000000000000002 00010008 0000003a")));
}

TEST(Checksum, IsUpdatedAsIfItWereComputedAnew) {
    for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
        Prng prng{seed};
        auto bytes = random_bytes(prng, 20);
        const std::uint16_t before = sum_of(bytes).checksum();
        const std::size_t at = prng.below(10) * 2;
        const auto old_word = load_be<std::uint16_t>(bytes, at);
        const auto new_word = static_cast<std::uint16_t>(prng.next());
        store_be(bytes, at, new_word);
        ASSERT_EQ(updated_checksum(before, old_word, new_word), sum_of(bytes).checksum())
            << "seed " << seed;
    }
    auto bytes = captured::from_hex("c0000201 c0000202");
    const std::uint16_t before = sum_of(bytes).checksum();
    store_be(bytes, 4, std::uint32_t{0x0a01ffff});
    EXPECT_EQ(updated_checksum(before, 0xc0000202u, 0x0a01ffffu), sum_of(bytes).checksum());
}

}  // namespace

#include "wire/tcp_options.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/wire/captured.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> options_of(std::string_view frame) {
    const bool is_v4 = frame.substr(24, 4) == "0800";
    const auto segment = captured::from_hex(frame.substr(is_v4 ? 34 * 2 : 54 * 2));
    const Bytes options = tcp_options_of(segment, *parse_tcp(segment));
    return {options.begin(), options.end()};
}

bool is_syn(std::string_view frame) {
    const bool is_v4 = frame.substr(24, 4) == "0800";
    return parse_tcp(captured::from_hex(frame.substr(is_v4 ? 34 * 2 : 54 * 2)))->flags.syn;
}

// The result keeps spans into its bytes: only for options without a cookie.
TcpOptions on_syn(std::string_view hex) { return parse_tcp_options(captured::from_hex(hex), true); }
TcpOptions on_data(std::string_view hex) {
    return parse_tcp_options(captured::from_hex(hex), false);
}

std::vector<std::byte> written(const TcpOptions& options) {
    std::vector<std::byte> bytes(TcpOptions::kMaxBytes, std::byte{0xee});
    const std::size_t n = write_tcp_options(bytes, options);
    EXPECT_EQ(n, tcp_options_bytes(options));
    EXPECT_EQ(n % 4, 0u);
    EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(n), bytes.end(),
                            [](std::byte b) { return b == std::byte{0xee}; }));
    bytes.resize(n);
    return bytes;
}

TEST(TcpOptions, ReadTheKernelsSyn) {
    const auto options = parse_tcp_options(options_of(captured::kSyn4), true);
    EXPECT_EQ(options.mss, 1460);
    EXPECT_EQ(options.window_scale, 10);
    EXPECT_TRUE(options.sack_permitted);
    ASSERT_TRUE(options.timestamps);
    EXPECT_EQ(options.timestamps->value, 2950076783u);
    EXPECT_EQ(options.timestamps->echo, 0u);
    EXPECT_FALSE(options.fast_open || options.signature);
    EXPECT_EQ(options.sack_count, 0);
}

TEST(TcpOptions, ReadTheKernelsSackBlocks) {
    const auto three = parse_tcp_options(options_of(captured::kSack3), false);
    ASSERT_EQ(three.sacks().size(), 3u);
    EXPECT_EQ(three.sacks()[0], (SackBlock{Seq32{6001}, Seq32{6102}}));
    EXPECT_EQ(three.sacks()[1], (SackBlock{Seq32{5001}, Seq32{5102}}));
    EXPECT_EQ(three.sacks()[2], (SackBlock{Seq32{4001}, Seq32{4102}}));
    EXPECT_EQ(three.timestamps->echo, 1001u);
    const auto four = parse_tcp_options(options_of(captured::kSack4), false);
    ASSERT_EQ(four.sacks().size(), 4u);
    EXPECT_EQ(four.sacks()[3], (SackBlock{Seq32{3001}, Seq32{3102}}));
    EXPECT_FALSE(four.timestamps);
    const auto duplicate = parse_tcp_options(options_of(captured::kDsack), false);
    ASSERT_EQ(duplicate.sacks().size(), 3u);
    EXPECT_EQ(duplicate.sacks()[0], duplicate.sacks()[1]);
}

TEST(TcpOptions, ReadTheKernelsFastOpen) {
    const auto asked = options_of(captured::kFastOpenRequest);
    const auto request = parse_tcp_options(asked, true);
    ASSERT_TRUE(request.fast_open);
    EXPECT_TRUE(request.fast_open->cookie.empty());
    EXPECT_FALSE(request.fast_open->is_experimental);
    const auto given = options_of(captured::kFastOpenCookie);
    const auto used = options_of(captured::kFastOpenData);
    const auto from_server = parse_tcp_options(given, true);
    const auto from_client = parse_tcp_options(used, true);
    ASSERT_TRUE(from_server.fast_open && from_client.fast_open);
    EXPECT_EQ(from_server.fast_open->cookie.size(), 8u);
    EXPECT_TRUE(std::ranges::equal(from_server.fast_open->cookie, from_client.fast_open->cookie));
}

// Byte for byte, the padding included: which combinations there are is in the names.
TEST(TcpOptions, AreWrittenAsTheKernelWroteThem) {
    for (const auto text : captured::kTcpFrames) {
        const auto bytes = options_of(text);
        EXPECT_EQ(written(parse_tcp_options(bytes, is_syn(text))), bytes) << text;
    }
}

// RFC 9293 MUST-69
TEST(TcpOptions, PadAFastOpenCookieToAWord) {
    const auto cookie = captured::from_hex("0011223344556677 8899aabbccddeeff");
    const auto of = [&](std::size_t n, bool is_experimental) {
        return written({.fast_open = FastOpenOption{Bytes{cookie}.first(n), is_experimental}});
    };
    EXPECT_EQ(of(0, false), captured::from_hex("2202 0101"));
    EXPECT_EQ(of(0, true), captured::from_hex("fe04f989"));
    EXPECT_EQ(of(4, false), captured::from_hex("2206 00112233 0101"));
    EXPECT_EQ(of(4, true), captured::from_hex("fe08f989 00112233"));
    EXPECT_EQ(of(6, false), captured::from_hex("2208 001122334455"));
    EXPECT_EQ(of(6, true), captured::from_hex("fe0af989 001122334455 0101"));
    EXPECT_EQ(of(16, false), captured::from_hex("2212 00112233445566778899aabbccddeeff 0101"));
}

TEST(TcpOptions, LeaveRoomForTheMd5HashInFront) {
    const auto bytes = written({.mss = 1460, .signature = SignatureOption::md5()});
    EXPECT_EQ(bytes, captured::from_hex("01011312 00000000000000000000000000000000 020405b4"));
    const auto again = parse_tcp_options(bytes, true);
    EXPECT_EQ(again.signature, SignatureOption::md5());
    EXPECT_EQ(again.mss, 1460);
}

// RFC 5925 §2.2; RFC 9235 §4.1.1 has the first.
TEST(TcpOptions, LeaveRoomForTheCodeOfTcpAoInFront) {
    SignatureOption ao{
        .kind = SignatureOption::Kind::Ao, .code_bytes = 12, .key_id = 0x3d, .next_key_id = 0x54};
    EXPECT_EQ(written({.mss = 1460, .signature = ao}),
              captured::from_hex("1d103d54 000000000000000000000000 020405b4"));
    EXPECT_EQ(on_data("1d103d54 2ee437c6f8ede6d7c4d602e7").signature, ao);
    for (int bytes = 1; bytes <= 16; ++bytes) {
        ao.code_bytes = static_cast<std::uint8_t>(bytes);
        const auto all = written({.signature = ao});
        EXPECT_EQ(all.size(), ao.room());
        EXPECT_EQ(parse_tcp_options(all, false).signature, ao) << bytes;
    }
    ao.code_bytes = 10;
    EXPECT_EQ(written({.signature = ao}), captured::from_hex("1d0e3d54 00000000000000000000 0101"));
    EXPECT_FALSE(on_data("1d043d54").signature) << "no code";
    EXPECT_EQ(sack_blocks_that_fit({.signature = ao, .timestamps = TcpTimestamps{}}), 1u);
}

TEST(TcpOptions, CountTheSackBlocksThatFit) {
    EXPECT_EQ(sack_blocks_that_fit({}), 4u);
    EXPECT_EQ(sack_blocks_that_fit({.timestamps = TcpTimestamps{}}), 3u);
    EXPECT_EQ(
        sack_blocks_that_fit({.signature = SignatureOption::md5(), .timestamps = TcpTimestamps{}}),
        0u);
    EXPECT_EQ(sack_blocks_that_fit({.signature = SignatureOption::md5()}), 2u);
    EXPECT_EQ(sack_blocks_that_fit({.sack_count = 2}), 4u) << "those it has are not counted twice";
}

TEST(TcpOptions, OfASynCountOnASynOnly) {
    const auto options = on_data("020405b4 0402 080a 00000001 00000002 01 03030a 2202");
    EXPECT_FALSE(options.mss || options.window_scale || options.sack_permitted ||
                 options.fast_open);
    EXPECT_TRUE(options.timestamps);
}

// RFC 9293 MUST-7
TEST(TcpOptions, KeepWhatStoodBeforeAMalformedOne) {
    for (const std::string_view tail :
         {"05", "0500", "0501", "0506 0000", "0800", "08ff 0000", "fe", "1e00", "ff01"}) {
        const auto options = on_syn("020405b4 " + std::string{tail});
        EXPECT_EQ(options.mss, 1460) << tail;
        EXPECT_EQ(options.sack_count, 0) << tail;
    }
    // And nothing behind it.
    EXPECT_FALSE(on_syn("0500 020405b4").mss);
    EXPECT_FALSE(on_syn("0501 020405b4").mss);
    EXPECT_FALSE(on_syn("0520 020405b4").mss);
    EXPECT_FALSE(on_syn("00 020405b4").mss) << "nothing counts behind the end";
    EXPECT_EQ(on_syn("01010101 020405b4").mss, 1460);
}

// RFC 9293 MUST-6, MUST-68
TEST(TcpOptions, SkipWhatIsUnknownAndWhatHasTheWrongSize) {
    EXPECT_EQ(on_syn("1e040000 020405b4").mss, 1460);
    EXPECT_EQ(on_syn("1b02 1e080000 00000000 020405b4").mss, 1460);
    EXPECT_EQ(on_syn("ac03 07 020405b4").mss, 1460);
    EXPECT_FALSE(on_syn("020505b400").mss);
    EXPECT_FALSE(on_syn("0203 05").mss);
    EXPECT_FALSE(on_syn("0302").window_scale);
    EXPECT_FALSE(on_syn("0403 00").sack_permitted);
    EXPECT_FALSE(on_syn("0809 00000000000000").timestamps);
    EXPECT_FALSE(on_data("1311 000000000000000000000000000000").signature);
    EXPECT_EQ(on_data("0502").sack_count, 0);
    EXPECT_EQ(on_data("0509 00000000000000").sack_count, 0);
    EXPECT_EQ(on_data("050b 000000000000000000").sack_count, 0);
}

TEST(TcpOptions, TakeTheLastOfTwoAndNoMssOfZero) {
    EXPECT_EQ(on_syn("020405b4 02040200").mss, 512);
    EXPECT_EQ(on_syn("020405b4 02040000").mss, 1460);
    EXPECT_FALSE(on_syn("02040000").mss);
    EXPECT_EQ(on_data("0101080a 00000001 00000002 0101080a 00000003 00000004").timestamps,
              (TcpTimestamps{3, 4}));
}

// RFC 7323 REQ-2.3
TEST(TcpOptions, ClampTheWindowScale) {
    EXPECT_EQ(on_syn("03030e").window_scale, 14);
    EXPECT_EQ(on_syn("03030f").window_scale, 14);
    EXPECT_EQ(on_syn("0303ff").window_scale, 14);
    EXPECT_EQ(on_syn("030300").window_scale, 0);
}

TEST(TcpOptions, RefuseCookiesOfALengthNobodyGives) {
    EXPECT_FALSE(on_syn("2204 0011").fast_open);
    EXPECT_FALSE(on_syn("2207 0011223344").fast_open);
    EXPECT_FALSE(on_syn("2214 00112233445566778899aabbccddeeff0011").fast_open);
    EXPECT_FALSE(on_syn("fe04f988").fast_open);
    EXPECT_FALSE(on_syn("2202 2204 0011").fast_open) << "a short one takes back what came before";
    EXPECT_TRUE(on_syn("2202 2203 00").fast_open) << "an odd one is as if it were not there";
    EXPECT_FALSE(on_syn("fe03f9").fast_open);
    const auto bytes = captured::from_hex("fe08f989 00112233");
    const auto options = parse_tcp_options(bytes, true);
    ASSERT_TRUE(options.fast_open);
    EXPECT_TRUE(options.fast_open->is_experimental);
    EXPECT_EQ(options.fast_open->cookie.data(), bytes.data() + 4);
}

TEST(TcpOptions, ReadTheUsualLayoutLikeAnyOther) {
    const auto usual = on_data("0101080a 11223344 55667788");
    const auto unusual = on_data("080a 11223344 55667788 0101");
    EXPECT_EQ(usual.timestamps, (TcpTimestamps{0x11223344, 0x55667788}));
    EXPECT_EQ(unusual.timestamps, usual.timestamps);
    EXPECT_EQ(on_data("0101080a 11223344 55667788 0101050a 00000001 00000002").sack_count, 1);
}

AccurateEcnOption counted(std::uint32_t ect1, std::uint32_t ce, std::uint32_t ect0) {
    return {.counters = {ect1, ce, ect0}, .count = 3, .begins_with_ect1 = true};
}

// RFC 9768 REQ-3.2.3: kind 172 begins with the counter of ECT(0), kind 174 with that of ECT(1).
TEST(TcpOptions, ReadBothOrdersOfTheEcnCounters) {
    const auto zero = on_data("ac0b 000001 000002 000003").accurate_ecn;
    ASSERT_TRUE(zero);
    EXPECT_EQ(zero->count, 3);
    EXPECT_EQ(zero->codepoint(0), Ecn::Capable0);
    EXPECT_EQ(zero->codepoint(1), Ecn::Congestion);
    EXPECT_EQ(zero->codepoint(2), Ecn::Capable1);
    EXPECT_EQ(zero->counters, (std::array<std::uint32_t, 3>{1, 2, 3}));
    const auto one = on_data("ae08 abcdef 123456").accurate_ecn;
    ASSERT_TRUE(one);
    ASSERT_EQ(one->told().size(), 2u);
    EXPECT_EQ(one->codepoint(0), Ecn::Capable1);
    EXPECT_EQ(one->told()[0], 0xabcdefu);
    EXPECT_EQ(one->told()[1], 0x123456u);
    EXPECT_EQ(on_syn("ae02").accurate_ecn->count, 0);
}

// RFC 9768 REQ-3.2.3: of another length, as many whole counters count as there are.
TEST(TcpOptions, CutAnEcnOptionOfAnotherLengthToWholeCounters) {
    EXPECT_EQ(on_data("ac03 07 01").accurate_ecn->count, 0);
    EXPECT_EQ(on_data("ac07 000001 0000 01").accurate_ecn->count, 1);
    EXPECT_EQ(on_data("ac0e 000001 000002 000003 000004 0101").accurate_ecn->count, 3);
    EXPECT_FALSE(on_data("ac0b 000001 000002").accurate_ecn) << "it ends behind the header";
}

// As Linux writes them: behind the timestamps, and what is no whole word in the padding of the SACK option.
TEST(TcpOptions, WriteTheEcnCountersBeforeTheSackBlocks) {
    EXPECT_EQ(written({.accurate_ecn = counted(1, 2, 0xfedcba)}),
              captured::from_hex("ae0b 000001 000002 fedcba 01"));
    EXPECT_EQ(written({.mss = 1460, .sack_permitted = true, .accurate_ecn = counted(1, 0, 1)}),
              captured::from_hex("020405b4 ae0b 000001 000000 000001 01 0101 0402"));
    TcpOptions sack{.sack_count = 1, .accurate_ecn = counted(1, 2, 3)};
    sack.sack_blocks[0] = {Seq32{1}, Seq32{2}};
    EXPECT_EQ(written(sack),
              captured::from_hex("ae0b 000001 000002 000003 01 0101 050a 00000001 00000002"));
    sack.accurate_ecn->count = 2;
    EXPECT_EQ(written(sack), captured::from_hex("ae08 000001 000002 0101 050a 00000001 00000002"));
    sack.accurate_ecn->count = 1;
    EXPECT_EQ(written(sack), captured::from_hex("ae05 000001 01 050a 00000001 00000002"));
    sack.accurate_ecn->count = 0;
    EXPECT_EQ(written(sack), captured::from_hex("ae02 050a 00000001 00000002"));
    sack.sack_count = 0;
    EXPECT_EQ(written(sack), captured::from_hex("ae02 0101"));
    sack.accurate_ecn->count = 1;
    EXPECT_EQ(written(sack), captured::from_hex("ae05 000001 01 0101"));
    EXPECT_EQ(written({.accurate_ecn = AccurateEcnOption{.counters = {7}, .count = 1}}),
              captured::from_hex("ac05 000007 01 0101"));
}

// What is left of it goes into the next padding, and before an option that has too little.
TEST(TcpOptions, WriteTheEcnCountersInOnePiece) {
    const AccurateEcnOption one{.counters = {0xb081ff}, .count = 1};
    TcpOptions o{.sack_permitted = true};
    o.accurate_ecn = one;
    EXPECT_EQ(written(o), captured::from_hex("ac05 b081 ff01 0402"));
    o.window_scale = 7;
    EXPECT_EQ(written(o), captured::from_hex("ac05 b081 ff01 0402 01030307"));
    o.sack_permitted = false;
    EXPECT_EQ(written(o), captured::from_hex("ac05 b081 ff01 0101 01030307"));
    o.sack_count = 1;
    o.sack_blocks[0] = {Seq32{1}, Seq32{2}};
    EXPECT_EQ(written(o),
              captured::from_hex("ac05 b081 ff01 0101 01030307 0101 050a 00000001 00000002"));
}

// RFC 9768 REQ-3.2.3.3
TEST(TcpOptions, FitTheEcnCountersIntoTheRoomThatIsLeft) {
    const auto fitted = [](std::uint8_t sacks, std::size_t least, std::size_t room) {
        TcpOptions o{.sack_count = sacks, .timestamps = TcpTimestamps{}};
        o.accurate_ecn = counted(1, 2, 3);
        const bool fits = fit_accurate_ecn(o, least, room);
        EXPECT_EQ(fits, o.accurate_ecn.has_value());
        EXPECT_LE(tcp_options_bytes(o), room);
        return std::pair{fits ? int{o.accurate_ecn->count} : -1, int{o.sack_count}};
    };
    EXPECT_EQ(fitted(0, 0, 40), (std::pair{3, 0}));
    EXPECT_EQ(fitted(0, 0, 20), (std::pair{2, 0}));
    EXPECT_EQ(fitted(0, 0, 16), (std::pair{0, 0}));
    EXPECT_EQ(fitted(0, 1, 16), (std::pair{-1, 0}));
    EXPECT_EQ(fitted(1, 0, 40), (std::pair{3, 1}));
    EXPECT_EQ(fitted(2, 2, 40), (std::pair{2, 2}));
    EXPECT_EQ(fitted(3, 0, 40), (std::pair{0, 3}));
    EXPECT_EQ(fitted(3, 1, 40), (std::pair{2, 2})) << "a SACK block gives way";
    EXPECT_EQ(fitted(2, 3, 40), (std::pair{-1, 2})) << "two stay";
}

TEST(TcpOptions, NeverReadBehindTheEnd) {
    for (const auto text : captured::kTcpFrames) {
        captured::for_each_prefix(options_of(text), [](Bytes prefix) {
            const auto options = parse_tcp_options(prefix, true);
            EXPECT_LE(options.sack_count * 8u, prefix.size());
        });
    }
}

TEST(TcpOptions, OfRandomBytesAreWrittenAndReadAgain) {
    for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
        Prng prng{seed};
        std::vector<std::byte> bytes(prng.below(41));
        constexpr std::array kKinds{0, 1, 2, 3, 4, 5, 8, 10, 18, 19, 26, 34, 172, 174, 254};
        for (auto& b : bytes) {
            b = static_cast<std::byte>(prng.chance(2, 3) ? kKinds[prng.below(kKinds.size())]
                                                         : static_cast<int>(prng.below(256)));
        }
        const auto options = parse_tcp_options(bytes, true);
        // What did not come padded may need more room than it had.
        if (tcp_options_bytes(options) > TcpOptions::kMaxBytes) continue;
        const auto first = written(options);
        ASSERT_EQ(written(parse_tcp_options(first, true)), first) << "seed " << seed;
    }
}

}  // namespace

#include "wire/tcp.hpp"

#include <gtest/gtest.h>

#include "unit/wire/captured.hpp"
#include "wire/tcp_options.hpp"

using namespace fairlead;
using namespace fairlead::wire;

namespace {

std::vector<std::byte> segment_of(std::string_view frame) {
    const bool is_v4 = frame.substr(24, 4) == "0800";
    return captured::from_hex(frame.substr(is_v4 ? 34 * 2 : 54 * 2));
}

TEST(Tcp, ReadsTheKernelsSyn) {
    const auto segment = segment_of(captured::kSyn4);
    const auto header = parse_tcp(segment);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->source_port, 48866);
    EXPECT_EQ(header->target_port, 8080);
    EXPECT_EQ(header->flags, TcpFlags{.syn = true});
    EXPECT_EQ(header->window, 64240);
    EXPECT_EQ(header->header_bytes, 40);
    EXPECT_EQ(header->ack, Seq32{0});
    EXPECT_EQ(header->seq, Seq32{load_be<std::uint32_t>(segment, 4)});
}

TEST(Tcp, ReadsFlagsAndUrgentPointerOfTheKernelsSegments) {
    const auto flags = [](std::string_view text) { return parse_tcp(segment_of(text))->flags; };
    EXPECT_EQ(flags(captured::kSynAck4), (TcpFlags{.syn = true, .ack = true}));
    EXPECT_EQ(flags(captured::kData4), (TcpFlags{.psh = true, .ack = true}));
    EXPECT_EQ(flags(captured::kUrgent4), (TcpFlags{.psh = true, .ack = true, .urg = true}));
    EXPECT_EQ(flags(captured::kFin4), (TcpFlags{.fin = true, .ack = true}));
    EXPECT_EQ(flags(captured::kRst4), (TcpFlags{.rst = true, .ack = true}));
    EXPECT_EQ(parse_tcp(segment_of(captured::kUrgent4))->urgent, 1);
}

TEST(Tcp, WritesWhatItRead) {
    for (const auto text : captured::kTcpFrames) {
        const auto segment = segment_of(text);
        std::vector<std::byte> again(20);
        write_tcp(again, *parse_tcp(segment));
        EXPECT_EQ(again, std::vector(segment.begin(), segment.begin() + 20)) << text;
    }
}

TEST(Tcp, ReadsAndWritesEachOfTheNineFlags) {
    for (unsigned bit = 0; bit < 9; ++bit) {
        auto segment = captured::from_hex("0001000200000003000000045000000500060007");
        store_be(segment, 12, static_cast<std::uint16_t>(0x5000u | 1u << bit));
        const auto header = parse_tcp(segment);
        ASSERT_TRUE(header);
        const TcpFlags f = header->flags;
        const bool by_place[] = {f.fin, f.syn, f.rst, f.psh, f.ack, f.urg, f.ece, f.cwr, f.ae};
        for (unsigned i = 0; i < 9; ++i) EXPECT_EQ(by_place[i], i == bit) << i;
        std::vector<std::byte> again(20);
        write_tcp(again, *header);
        EXPECT_EQ(again, segment);
    }
}

TEST(Tcp, RefusesEveryTruncationOfTheHeader) {
    const auto segment = segment_of(captured::kSyn4);
    captured::for_each_prefix(segment, [&](Bytes prefix) {
        const auto header = parse_tcp(prefix);
        EXPECT_EQ(header.has_value(), prefix.size() >= 40);
        if (!header) {
            EXPECT_EQ(header.error(), TcpFault::Truncated);
        }
    });
}

TEST(Tcp, RefusesALyingDataOffset) {
    auto segment = segment_of(captured::kSyn4);
    for (unsigned words = 0; words < 16; ++words) {
        segment[12] = static_cast<std::byte>(words << 4);
        const auto header = parse_tcp(segment);
        EXPECT_EQ(header.has_value(), words >= 5 && words <= 10) << words;
        if (words < 5) {
            EXPECT_EQ(header.error(), TcpFault::BadDataOffset);
        }
        if (words > 10) {
            EXPECT_EQ(header.error(), TcpFault::Truncated);
        }
    }
}

TEST(Tcp, IgnoresTheReservedBits) {
    auto segment = segment_of(captured::kData4);
    const auto before = parse_tcp(segment);
    segment[12] |= std::byte{0x0e};
    EXPECT_EQ(parse_tcp(segment), before);
}

}  // namespace

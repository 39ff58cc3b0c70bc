// What setsockopt takes and getsockopt gives back: every row is what Linux 6.18 answered.
#include "socket/tcp_options.hpp"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "unit/tcp/loopback.hpp"

namespace fairlead {
namespace {

struct Try {
    std::int64_t set = 0;
    std::optional<std::int64_t> reads = std::nullopt;  // nothing: EINVAL, and nothing changes
};

class StreamOptions : public Loopback {
protected:
    void expect(Option option, const std::vector<Try>& tries, Family family = Family::Inet) {
        for (const Try& t : tries) {
            SCOPED_TRACE(t.set);
            const SocketId s = *stack.socket(family, SocketType::Stream);
            const auto before = stack.option(s, option);
            const auto done = stack.set_option(s, option, t.set);
            if (t.reads) {
                EXPECT_TRUE(done);
                EXPECT_EQ(stack.option(s, option), *t.reads);
            } else if (done) {
                ADD_FAILURE() << "was taken";
            } else {
                EXPECT_EQ(done.error(), Errc::InvalidArgument);
                EXPECT_EQ(stack.option(s, option), before);
            }
            EXPECT_TRUE(stack.close(s));
        }
    }
};

TEST_F(StreamOptions, BuffersAreDoubledBetweenTheirBounds) {
    expect(Option::SendBuffer, {{-1, 8388608},
                                {0, 4608},
                                {2304, 4608},
                                {10000, 20000},
                                {4194304, 8388608},
                                {1 << 30, 8388608}});
    expect(
        Option::ReceiveBuffer,
        {{-1, 8388608}, {0, 2304}, {1152, 2304}, {1153, 2306}, {10000, 20000}, {1 << 30, 8388608}});
}

TEST_F(StreamOptions, PathMtuDiscoveryHasSixWays) {
    expect(Option::MtuDiscover,
           {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, {}}, {-1, {}}});
    for (const SocketType type : {SocketType::Stream, SocketType::Datagram}) {
        EXPECT_EQ(stack.option(*stack.socket(Family::Inet, type), Option::MtuDiscover), 1);
    }
    ASSERT_TRUE(stack.set_config("net.ipv4.ip_no_pmtu_disc", "1"));
    for (const SocketType type : {SocketType::Stream, SocketType::Datagram}) {
        EXPECT_EQ(stack.option(*stack.socket(Family::Inet, type), Option::MtuDiscover), 0);
    }
}

TEST_F(StreamOptions, BuffersBeginAtTheSysctlsDefault) {
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(stack.option(s, Option::SendBuffer), 16384);
    EXPECT_EQ(stack.option(s, Option::ReceiveBuffer), 131072);
}

TEST_F(StreamOptions, TheLowWaterMarkIsAtLeastOneAndAtMostHalfOfTheLargestBuffer) {
    expect(Option::ReceiveLowWater,
           {{-1, 16777216}, {0, 1}, {1, 1}, {100, 100}, {16777216, 16777216}, {1 << 30, 16777216}});
}

TEST_F(StreamOptions, TimeToLiveIsOneTo255OrTheDefault) {
    expect(Option::Ttl, {{-2, {}}, {-1, 64}, {0, {}}, {1, 1}, {255, 255}, {256, {}}});
}

// The two bits of ECN are TCP's own.
TEST_F(StreamOptions, TypeOfServiceKeepsItsBitsAndLosesThoseOfEcn) {
    expect(Option::Tos, {{0, 0}, {1, 0}, {3, 0}, {16, 16}, {0x13, 16}, {255, 252}, {256, 0}});
    expect(Option::Tos, {{-2, {}}, {-1, 0}, {3, 0}, {0x13, 16}, {255, 252}, {256, {}}},
           Family::Inet6);
}

TEST_F(StreamOptions, TheSegmentLimitIs88To32767) {
    expect(Option::MaxSegment,
           {{-1, {}}, {0, 536}, {1, {}}, {87, {}}, {88, 88}, {32767, 32767}, {32768, {}}});
}

TEST_F(StreamOptions, KeepAliveHasItsRanges) {
    expect(Option::KeepIdle, {{-1, {}}, {0, {}}, {1, 1}, {32767, 32767}, {32768, {}}});
    expect(Option::KeepInterval, {{0, {}}, {1, 1}, {32767, 32767}, {32768, {}}});
    expect(Option::KeepCount, {{0, {}}, {1, 1}, {127, 127}, {128, {}}});
    expect(Option::SynCount, {{0, {}}, {1, 1}, {127, 127}, {128, {}}});
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(stack.option(s, Option::KeepIdle), 7200);
    EXPECT_EQ(stack.option(s, Option::KeepInterval), 75);
    EXPECT_EQ(stack.option(s, Option::KeepCount), 9);
    EXPECT_EQ(stack.option(s, Option::SynCount), 6);
}

TEST_F(StreamOptions, TheFinTimeoutIsAtMostTwoMinutes) {
    expect(Option::FinTimeout,
           {{-5, -1}, {-1, -1}, {0, 60}, {1, 1}, {120, 120}, {121, 120}, {1000, 120}});
}

// It is kept in retransmissions of the SYN-ACK: 1 s, 3 s, 7 s and so on.
TEST_F(StreamOptions, DeferAcceptIsRoundedUpToARetransmission) {
    expect(Option::DeferAccept, {{-1, 0},
                                 {0, 0},
                                 {1, 1},
                                 {2, 3},
                                 {3, 3},
                                 {4, 7},
                                 {8, 15},
                                 {30, 31},
                                 {100, 127},
                                 {100000, 29887}});
}

TEST_F(StreamOptions, TheWindowClampIsAtLeastHalfOfTheSmallestBuffer) {
    expect(Option::WindowClamp, {{-1, 1152}, {0, 0}, {1, 1152}, {1153, 1153}, {100000, 100000}});
    const SocketId l = listen_on(*Endpoint::parse("127.0.0.1:80"));
    EXPECT_EQ(stack.set_option(l, Option::WindowClamp, 0).error(), Errc::InvalidArgument)
        << "it cannot be taken away any more";
}

TEST_F(StreamOptions, SwitchesAreOnOrOff) {
    for (const Option o : {Option::NoDelay, Option::Cork, Option::ReuseAddress, Option::ReusePort,
                           Option::KeepAlive}) {
        expect(o, {{0, 0}, {1, 1}, {7, 1}, {-1, 1}});
    }
    expect(Option::QuickAck, {{0, 0}, {1, 1}});
    expect(Option::V6Only, {{0, 0}, {1, 1}, {7, 1}}, Family::Inet6);
}

TEST_F(StreamOptions, TheUserTimeoutIsNotNegative) {
    expect(Option::ThinLinearTimeouts, {{-1, {}}, {0, 0}, {1, 1}, {2, {}}});
    expect(Option::UserTimeout, {{-1, {}}, {0, 0}, {1, 1}, {1 << 30, 1 << 30}});
}

TEST_F(StreamOptions, WhatIsOnlyReadCannotBeSet) {
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    for (const Option o : {Option::Type, Option::Domain, Option::Listening, Option::Error}) {
        EXPECT_EQ(stack.set_option(s, o, 1).error(), Errc::NoSuchOption);
    }
    EXPECT_EQ(stack.option(s, Option::Type), 1);
    EXPECT_EQ(stack.option(s, Option::Domain), 2);
    EXPECT_EQ(stack.option(s, Option::Listening), 0);
    EXPECT_EQ(stack.option(s, Option::Error), 0);
    EXPECT_EQ(stack.option(*stack.socket(Family::Inet6, SocketType::Stream), Option::Domain), 10);
    EXPECT_EQ(stack.option(listen_on(*Endpoint::parse("127.0.0.1:80")), Option::Listening), 1);
}

TEST_F(StreamOptions, AnAcceptedSocketHasItsListenersOptions) {
    const Endpoint at = *Endpoint::parse("127.0.0.1:80");
    const SocketId listener = listen_on(at);
    EXPECT_TRUE(stack.set_option(listener, Option::NoDelay, 1));
    EXPECT_TRUE(stack.set_option(listener, Option::KeepIdle, 77));
    const auto [client, server] = connect_to(listener, at);
    EXPECT_EQ(stack.option(server, Option::NoDelay), 1);
    EXPECT_EQ(stack.option(server, Option::KeepIdle), 77);
    EXPECT_EQ(stack.option(client, Option::NoDelay), 0);
}

}  // namespace
}  // namespace fairlead

#include "tcp/time_wait.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

using wire::Seq32;
using enum TimeWaitVerdict;

constexpr std::uint32_t kNext = 0xffff'fff0u;  // what we wait for: near the wrap

struct Remembered : testing::Test {
    Remembered() {
        entry.send_next = Seq32{7000};
        entry.receive_next = Seq32{kNext};
        entry.window = 1000;
        entry.has_timestamps = true;
        entry.recent_timestamp = 5000;
        entry.recent_taken = ms(1000);
    }
    TimeWaitVerdict hear(std::int32_t offset, wire::TcpFlags flags, std::uint32_t payload = 0,
                         std::optional<std::int32_t> stamp = 0) {
        TimeWaitSegment s{.header = {.seq = Seq32{kNext + static_cast<std::uint32_t>(offset)},
                                     .ack = Seq32{7000},
                                     .flags = flags},
                          .payload = payload};
        if (stamp) {
            s.timestamps = wire::TcpTimestamps{5000 + static_cast<std::uint32_t>(*stamp), 0};
        }
        return on_segment(entry, s, config, counters, now);
    }

    TimeWait entry;
    Config config;
    Counters counters;
    Instant now = ms(2000);
};
constexpr wire::TcpFlags kAck{.ack = true};
constexpr wire::TcpFlags kFinAck{.fin = true, .ack = true};
constexpr wire::TcpFlags kSyn{.syn = true};
constexpr wire::TcpFlags kRst{.rst = true};
constexpr wire::TcpFlags kRstAck{.rst = true, .ack = true};

using TimeWaitRoom = Remembered;

TEST(TimeWaitEntry, KeepsTheNameWithTheZoneOfWhatIsLinkLocal) {
    const FlowKey v4{.local = *Endpoint::parse("10.0.0.1:80"),
                     .remote = *Endpoint::parse("10.0.0.2:40000")};
    const FlowKey v6{.local = *Endpoint::parse("[2001:db8::1]:80"),
                     .remote = *Endpoint::parse("[fe80::2%7]:40000")};
    TimeWait entry;
    entry.set_key(v4);
    EXPECT_EQ(entry.key(), v4);
    entry.set_key(v6);
    EXPECT_EQ(entry.key(), v6);
    EXPECT_EQ(entry.key().local.address.zone(), 0u);
}

// RFC 9293 §3.10.7.4: the FIN again is acknowledged, and the wait begins anew.
TEST_F(TimeWaitRoom, TheFinAgainIsAcknowledgedAndTheWaitBeginsAnew) {
    EXPECT_EQ(hear(-1, kFinAck), Restart);
}

TEST_F(TimeWaitRoom, AnAckOfOursProlongsTheWaitWithoutAWord) {
    EXPECT_EQ(hear(0, kAck, 0, 7), Prolong);
    EXPECT_EQ(entry.recent_timestamp, 5007u);
}

TEST_F(TimeWaitRoom, DataIsAnsweredWithWhereWeAre) {
    EXPECT_EQ(hear(0, kAck, 100), Restart);
    EXPECT_EQ(hear(500, kAck, 100), Restart);
    EXPECT_EQ(hear(0, {}, 100), Ack) << "without ACK nothing is prolonged";
}

// RFC 1337: by default, as on Linux, a RST at the very number may end the wait.
TEST_F(TimeWaitRoom, ARstAtTheVeryNumberEndsTheWaitUnlessTheSysctlForbids) {
    EXPECT_EQ(hear(1, kRst), Drop);
    EXPECT_EQ(hear(-1, kRst), Drop);
    EXPECT_EQ(hear(0, kRst), End);
    EXPECT_EQ(hear(0, kRstAck, 0, std::nullopt), End);
    config.tcp_rfc1337 = 1;
    EXPECT_EQ(hear(0, kRst), Drop);
}

TEST_F(TimeWaitRoom, ARstWithAnOldTimestampDoesNotEndIt) {
    EXPECT_EQ(hear(0, kRst, 0, -5), Drop);
    now = ms(1000) + 61_s;
    EXPECT_EQ(hear(0, kRst, 0, -5), End) << "a minute later the timestamp no longer counts";
}

// Measured on Linux 6.18: a SYN is new if its number or its timestamp is; an equal timestamp is no
// objection, an older one is.
TEST_F(TimeWaitRoom, ASynThatCannotBeOldOpensAnew) {
    EXPECT_EQ(hear(5, kSyn, 0, 10), NewConnection);
    EXPECT_EQ(hear(-5, kSyn, 0, 10), NewConnection);
    EXPECT_EQ(hear(5, kSyn, 0, 0), NewConnection);
    EXPECT_EQ(hear(-5, kSyn, 0, 0), Ack);
    EXPECT_EQ(hear(5, kSyn, 0, -5), Restart);
    EXPECT_EQ(hear(-5, kSyn, 0, -5), Restart);
    EXPECT_EQ(hear(5, kSyn, 0, std::nullopt), NewConnection);
    EXPECT_EQ(hear(-5, kSyn, 0, std::nullopt), Ack);
    EXPECT_EQ(hear(5, {.syn = true, .ack = true}, 0, 10), Restart) << "no answer opens anything";
    EXPECT_EQ(hear(5, {.syn = true, .rst = true}, 0, 10), Drop);
}

TEST_F(TimeWaitRoom, ThePeerWithoutTimestampsIsJudgedByNumbers) {
    entry.has_timestamps = false;
    EXPECT_EQ(hear(-5, kSyn, 0, 10), Ack) << "a timestamp nobody agreed on says nothing";
    EXPECT_EQ(hear(5, kSyn, 0, -10), NewConnection);
}

// RFC 6191 §2.
TEST_F(TimeWaitRoom, TheNextConnectionBeginsAboveTheWindowOfThisOne) {
    EXPECT_EQ(isn_after(entry), 7000u + 65537);
}

struct AnOrphan : Remembered {
    AnOrphan() { entry.is_fin_wait_2 = true; }
};

TEST_F(AnOrphan, AnswersWhatIsOldOrOutsideOfItsWindow) {
    EXPECT_EQ(hear(0, kAck, 0, -5), Ack);
    EXPECT_EQ(hear(-1, kAck, 0, 0), Ack);
    EXPECT_EQ(hear(100'000, kAck, 0, 0), Ack);
}

TEST_F(AnOrphan, TakesTheFinItWaitedFor) {
    EXPECT_EQ(hear(0, kFinAck, 0, 3), Restart);
    EXPECT_FALSE(entry.is_fin_wait_2);
    EXPECT_EQ(entry.receive_next, Seq32{kNext + 1});
    EXPECT_EQ(entry.recent_timestamp, 5003u);
}

TEST_F(AnOrphan, ResetsForDataThatNobodyWillRead) {
    EXPECT_EQ(hear(0, kAck, 1), Reset);
    EXPECT_EQ(hear(0, kFinAck, 1), Reset) << "data before the FIN is data";
    EXPECT_EQ(hear(10, kFinAck), Reset) << "as is what the FIN's place says is missing";
    EXPECT_TRUE(entry.is_fin_wait_2);
}

TEST_F(AnOrphan, AnswersWhatLiesOutsideOfItsWindow) {
    EXPECT_EQ(hear(-100, kAck, 100), Ack);
    EXPECT_EQ(hear(1000, kAck, 1), Ack);
    EXPECT_EQ(hear(1001, kAck), Ack);
    EXPECT_EQ(hear(0, kAck, 1, -5), Ack) << "PAWS";
}

TEST_F(AnOrphan, IsSilentOnDuplicateAcks) {
    EXPECT_EQ(hear(0, kAck), Drop);
    EXPECT_EQ(hear(1000, kAck), Drop);
    EXPECT_EQ(hear(999, {}, 1), Drop) << "no ACK bit";
}

TEST_F(AnOrphan, EndsWithARstAndResetsASyn) {
    EXPECT_EQ(hear(0, kRst), End);
    EXPECT_EQ(hear(10, kSyn), Reset);
}

}  // namespace
}  // namespace fairlead::tcp

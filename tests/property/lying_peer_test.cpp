// A receiver that lies about what it got: what that costs us, and what it gains.
#include <gtest/gtest.h>

#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

Config config() {
    Config c;
    EXPECT_TRUE(c.set("net.ipv4.tcp_congestion_control", "reno"));
    EXPECT_TRUE(c.set("net.ipv4.tcp_wmem", "4096 262144 262144"));
    return c;
}

// A connection on which the stack always has something to send.
struct Sending {
    explicit Sending(Frame options = Stranger::syn_options(), bool asks_for_ecn = false)
        : world{config()} {
        const SocketId listener = *world.stack.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(world.stack.bind(listener, {IpAddress::any(Family::Inet), 80}));
        EXPECT_TRUE(world.stack.listen(listener, 10));
        talk = &world.talk(Family::Inet, 80, 1000);
        Said syn{.seq = talk->seq - 1, .options = std::move(options)};
        syn.flags.syn = true;
        syn.flags.ece = syn.flags.cwr = asks_for_ecn;
        world.say(*talk, syn);
        EXPECT_TRUE(world.settle());
        world.say(*talk, honest());
        EXPECT_TRUE(world.settle());
        socket = *world.stack.accept(listener);
        una = talk->ack;
        idle = held();
    }
    void write() {
        static const Frame bytes(65536, std::byte{'x'});
        while (world.stack.send(socket, bytes)) {
        }
        EXPECT_TRUE(world.settle());
    }
    Said honest(std::uint32_t ack) const {
        Said s = Stranger::honest(*talk);
        s.ack = ack;
        return s;
    }
    Said honest() const { return honest(talk->ack); }
    void say(const Said& s) {
        world.say(*talk, s);
        EXPECT_TRUE(world.settle());
    }
    void tick(Duration d) {
        EXPECT_TRUE(world.wait(d));
        talk->time += static_cast<std::uint32_t>(d.ms());
    }
    TcpInfo info() const { return *world.stack.tcp_info(socket); }
    std::uint32_t window() const { return info().congestion_window_segments; }
    std::uint32_t out() const { return talk->ack - una; }
    std::size_t held() const {
        const PacketPool::Usage& u = world.pool.usage();
        return u.buffer_bytes + u.packets * sizeof(Packet);
    }
    // An honest peer from now on: everything goes on, and arrives.
    void expect_recovery() {
        for (int i = 0; i < 200; ++i) {
            say(honest());
            write();
            tick(50_ms);
        }
        const std::uint32_t before = talk->ack;
        for (int i = 0; i < 40; ++i) {
            say(honest());
            write();
            tick(50_ms);
        }
        EXPECT_GT(talk->ack - before, 20'000u) << "it stands still";
    }

    Stranger world;
    SocketId socket{};
    Talk* talk = nullptr;
    std::uint32_t una = 0;
    std::size_t idle = 0;
};

wire::SackBlock block(std::uint32_t begin, std::uint32_t end) {
    return {wire::Seq32{begin}, wire::Seq32{end}};
}

// Below, above, across, reversed, empty, shrinking, overlapping: whatever 32 bits can say.
wire::TcpOptions lie(Sending& s, Chance& random) {
    wire::TcpOptions o{.timestamps = wire::TcpTimestamps{s.talk->time, s.talk->stack_time}};
    if (random() % 8 == 0) o.timestamps->echo = random();
    // Back at will; forward it goes on from there, or nothing it says counts any more (PAWS).
    if (random() % 16 == 0) o.timestamps->value -= random() >> 1;
    if (random() % 16 == 0) o.timestamps->value = s.talk->time += random() >> 4;
    const std::uint32_t spread = s.out() + 10'000;
    for (std::uint32_t n = random() % 4; o.sack_count < n;) {
        const std::uint32_t begin = s.una - 5000 + random() % spread;
        const std::uint32_t length = random() % 3 == 0 ? random() : random() % 6000;
        const std::uint32_t end = random() % 8 == 0 ? begin - length : begin + length;
        o.sack_blocks[o.sack_count++] = block(begin, end);
    }
    return o;
}

TEST(LyingPeer, WhateverItAcknowledgesCostsBoundedWorkAndMemoryAndStopsNothing) {
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        Sending s;
        for (int i = 0; i < 400; ++i) {
            s.write();
            Said said = s.honest(s.una + random() % (s.out() + 1));
            if (random() % 10 == 0) said.ack = s.una - random() % 100'000;
            if (random() % 10 == 0) said.ack = s.talk->ack + random() % 100'000;
            if (random() % 4 == 0) said.window = static_cast<std::uint16_t>(random());
            said.flags.ece = random() % 5 == 0;
            said.flags.cwr = random() % 5 == 0;
            said.options = Stranger::options_of(lie(s, random));
            const std::uint64_t before = s.world.frames_sent;
            s.say(said);
            // One ACK never makes us send more than a window, and what we hold is the send buffer.
            ASSERT_LT(s.world.frames_sent - before, s.window() + 10u);
            ASSERT_LT(s.held() - s.idle, 2 * kMiB);
            if (random() % 8 == 0) s.tick(Duration::from_ms(random() % 300));
            if (static_cast<std::int32_t>(said.ack - s.una) > 0 &&
                static_cast<std::int32_t>(said.ack - s.talk->ack) <= 0) {
                s.una = said.ack;
            }
            ASSERT_FALSE(s.talk->was_reset);
        }
        s.expect_recovery();
    }
}

// RFC 3465 §2, RFC 5681 §3.1: what grows the window is what is acknowledged, not how often.
TEST(LyingPeer, DividedAcknowledgementsGainNothing) {
    const auto window_after = [](std::uint32_t pieces) {
        Sending s;
        s.write();
        s.tick(50_ms);
        const std::uint32_t end = s.talk->ack;
        const std::uint32_t step = (end - s.una) / pieces;
        for (std::uint32_t i = 1; i < pieces; ++i) s.say(s.honest(s.una + i * step));
        s.say(s.honest(end));
        return s.window();
    };
    const std::uint32_t honest = window_after(10);
    EXPECT_EQ(honest, 21u) << "ten, and the probe of their tail";
    EXPECT_LE(window_after(1000), honest);
    EXPECT_LE(window_after(4000), honest);
}

TEST(LyingPeer, AcknowledgingWhatWasNeverSentGainsNothing) {
    Sending s;
    s.write();
    const std::uint32_t window = s.window();
    const std::uint32_t out = s.out();
    const std::uint64_t before = s.world.frames_sent;
    for (std::uint32_t i = 0; i < 1000; ++i) s.say(s.honest(s.talk->ack + 1 + i * 1000));
    EXPECT_EQ(s.window(), window);
    EXPECT_EQ(s.out(), out);
    EXPECT_LE(s.world.frames_sent - before, 2u) << "challenge ACKs are limited";
    s.expect_recovery();
}

// RFC 3708 §3: an undo needs a retransmission for each; more than were sent are a lie.
TEST(LyingPeer, AFloodOfDuplicateReportsGainsNothing) {
    Sending s;
    s.write();
    s.tick(50_ms);
    s.say(s.honest(s.una + 2920));
    const std::uint32_t window = s.window();
    const std::uint32_t una = s.una + 2920;
    for (std::uint32_t i = 0; i < 500; ++i) {
        Said said = s.honest(una);
        said.options = Stranger::options_of(
            {.sack_count = 1,
             .timestamps = wire::TcpTimestamps{s.talk->time, s.talk->stack_time},
             .sack_blocks = {block(una - 1460, una)}});
        s.say(said);
    }
    EXPECT_LE(s.window(), window);
    EXPECT_EQ(s.info().reordering_segments, 3u);
    EXPECT_GE(s.world.count(Counter::TcpExtTCPDSACKIgnoredDubious), 499u);
    s.una = una;
    s.expect_recovery();
}

// What an ACK echoes is 0, of the future, of long ago, or leaps by half of all numbers: of what was sent
// once the round trip is known without it (RFC 7323 §4.1, RFC 6298 §3).
TEST(LyingPeer, EchoesThatJumpTellNoRoundTrip) {
    for (const std::uint32_t leap : {0u, 1u, 1000u, 1u << 30, 1u << 31, (1u << 31) + 1, ~0u}) {
        for (const bool is_zero : {false, true}) {
            SCOPED_TRACE("leap " + std::to_string(leap) + (is_zero ? ", 0" : ""));
            Sending s;
            for (int i = 0; i < 20; ++i) {
                s.write();
                s.tick(50_ms);
                Said said = s.honest();
                const std::uint32_t echo = is_zero ? 0 : s.talk->stack_time + leap;
                said.options =
                    Stranger::options_of({.timestamps = wire::TcpTimestamps{s.talk->time, echo}});
                s.say(said);
            }
            EXPECT_NEAR(static_cast<double>(s.info().rtt.ms()), 50, 5);
            EXPECT_GE(s.info().rto, 200_ms);
            EXPECT_LE(s.info().rto, 400_ms);
            s.expect_recovery();
        }
    }
}

// Behind a timeout only the echo tells of the round trip, and whether the timeout was a mistake: no
// echo gives back more than was taken, none makes the RTO longer than the longest, and what is of the
// future, or 0, undoes nothing (RFC 4015 §3.2).
TEST(LyingPeer, EchoesThatJumpBehindATimeoutGainNothing) {
    constexpr std::uint32_t kHalf = 1u << 31;
    for (const std::uint32_t leap : {1u, 1000u, 1u << 30, kHalf + 1, ~0u - 5000u}) {
        for (const bool is_zero : {false, true}) {
            SCOPED_TRACE("leap " + std::to_string(leap) + (is_zero ? ", 0" : ""));
            Sending s;
            s.write();
            s.tick(50_ms);
            s.say(s.honest());
            const std::uint32_t una = s.talk->ack;
            s.write();
            const std::uint32_t window = s.window();
            s.tick(2_s);
            EXPECT_EQ(s.info().congestion_state, CongestionState::Loss);
            Said said = s.honest(una + 1460);
            const std::uint32_t echo = is_zero ? 0 : s.talk->stack_time + leap;
            said.options =
                Stranger::options_of({.timestamps = wire::TcpTimestamps{s.talk->time, echo}});
            s.say(said);
            const bool is_late = !is_zero && leap > kHalf;
            EXPECT_LE(s.window(), is_late ? window + 2 : window / 2);
            EXPECT_GE(s.info().rto, 200_ms);
            EXPECT_LE(s.info().rto, 120_s);
            s.expect_recovery();
        }
    }
}

// RFC 7323 §5.3: what is older than what came last brings nothing, however it leaps, and what comes
// after it goes on.
TEST(LyingPeer, ValuesThatLeapBackAreDroppedAndStopNothing) {
    Sending s;
    s.write();
    std::uint64_t dropped = 0;
    for (const std::uint32_t leap : {2u, 1000u, 1u << 30, (1u << 31) - 1}) {
        SCOPED_TRACE("leap " + std::to_string(leap));
        s.tick(50_ms);
        s.say(s.honest());
        const std::uint64_t before = s.info().bytes_received;
        Said said = s.honest();
        said.payload = Frame(100, std::byte{'y'});
        said.options = Stranger::options_of(
            {.timestamps = wire::TcpTimestamps{s.talk->time - leap, s.talk->stack_time}});
        s.say(said);
        EXPECT_EQ(s.info().bytes_received, before);
        EXPECT_EQ(s.world.count(Counter::TcpExtPAWSEstab), ++dropped);
        EXPECT_FALSE(s.talk->was_reset);
    }
    s.expect_recovery();
}

TEST(LyingPeer, MarksNobodyAgreedToMeanNothing) {
    Sending s;
    s.write();
    s.tick(50_ms);
    Said said = s.honest();
    said.flags.ece = true;
    s.say(said);
    EXPECT_EQ(s.info().congestion_state, CongestionState::Open);
    EXPECT_GE(s.window(), 20u);
}

// Who says ECE for ever is sent less and less, and never nothing (RFC 3168 §6.1.2).
TEST(LyingPeer, MarksForEverLeaveTwoSegmentsAWindow) {
    Sending s{Stranger::syn_options(), true};
    for (int i = 0; i < 60; ++i) {
        s.write();
        s.tick(50_ms);
        Said said = s.honest();
        said.flags.ece = true;
        s.say(said);
    }
    EXPECT_LE(s.window(), 3u);
    EXPECT_GE(s.window(), 1u);
    const std::uint32_t before = s.talk->ack;
    for (int i = 0; i < 10; ++i) {
        s.write();
        s.tick(50_ms);
        Said said = s.honest();
        said.flags.ece = true;
        s.say(said);
    }
    EXPECT_GT(s.talk->ack - before, 10u * 1000u) << "it goes on";
}

// A window that shrinks under what is out: nothing beyond it is sent, and it opens again.
TEST(LyingPeer, AWindowThatShrinksIsObeyedAndStopsNothing) {
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        Sending s;
        for (int i = 0; i < 100; ++i) {
            s.write();
            Said said = s.honest();
            said.window = static_cast<std::uint16_t>(random() % 40);
            const std::uint32_t edge = said.ack + (std::uint32_t{said.window} << 7);
            s.say(said);
            s.tick(Duration::from_ms(random() % 100));
            // (A shut window is probed with one byte, or with what is below it.)
            ASSERT_LE(static_cast<std::int32_t>(s.talk->ack - edge), 1);
        }
        s.expect_recovery();
    }
}

}  // namespace

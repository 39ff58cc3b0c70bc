#include "unit/tcp/peer.hpp"

namespace fairlead::tcp {
namespace {

using ConnectionOutput = HandPeer;

constexpr wire::TcpFlags kFinAck{.fin = true, .ack = true};

// --- what leaves together ---

// Linux's tcp_tso_autosize(): on a path of 100 ms two segments are a burst, and each burst of more
// than one ends in a push; the odd one at the end of what the window admits does not.
TEST_F(ConnectionOutput, OnALongPathTwoSegmentsLeaveTogether) {
    open({.mss = 1000}, 5000, 100_ms);
    write(6000);
    std::string pushed;
    for (const Segment& s : heard) pushed += s.flags.psh ? 'P' : '.';
    EXPECT_EQ(pushed, ".P.P.");
}

// tcp_cwnd_test(): with a window of three segments none leaves with another.
TEST_F(ConnectionOutput, APacketIsHalfOfTheCongestionWindowAtMost) {
    open({.mss = 1000}, 65535, 100_ms);
    write(2000);
    run(350_ms);  // the timer: one segment is the window
    heard.clear();
    say({.seq = 1, .ack = 2001});  // and two more for the two that arrived
    write(4000);
    std::string pushed;
    for (const Segment& s : heard) pushed += s.flags.psh ? 'P' : '.';
    EXPECT_EQ(pushed, "...");
}

TEST_F(ConnectionOutput, HalfAWindowIsPushed) {
    open({.mss = 1000}, 200, 100_ms);
    write(400);
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0].payload, 200u);
    EXPECT_TRUE(heard[0].flags.psh);
}

// What the SYN offered says nothing of the windows to come (tcp_create_openreq_child): the half of
// the largest window, which bounds a segment, is half of the third segment's.
TEST_F(ConnectionOutput, TheLargestWindowIsCountedFromTheThirdSegment) {
    const SocketId listener = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.bind(listener, {IpAddress::any(Family::Inet), kPort}));
    ASSERT_TRUE(stack.listen(listener, 5));
    say({.seq = 0, .flags = {.syn = true}, .window = 4000, .options = {.mss = 1000}});
    stack_isn += static_cast<std::uint32_t>(heard.at(0).seq);
    say({.seq = 1, .ack = 1, .window = 200});
    socket = *stack.accept(listener);
    heard.clear();
    write(400);
    EXPECT_EQ(told(), "1-201@1");
}

// tcp_retrans_collapse: small segments, and a FIN behind them, go again in one.
TEST_F(ConnectionOutput, SmallSegmentsGoAgainAsOne) {
    open({.mss = 1000});
    ASSERT_TRUE(stack.set_option(socket, Option::NoDelay, 1));
    write(400);
    write(500);
    write(200);
    ASSERT_TRUE(stack.close(socket));
    EXPECT_EQ((run(), told()), "1-401@1 401-901@1 901-1101@1 1101-1101F@1");
    run(250_ms);
    EXPECT_EQ(told(), "1-901@1") << "as much as a segment holds";
    say({.seq = 1, .ack = 901});
    EXPECT_EQ(told(), "901-1101F@1");
    say({.seq = 1, .ack = 1101});
    heard.clear();
    run(1_s);
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_TRUE(heard[0].flags.fin && heard[0].flags.psh) << "what joined stays joined";
    EXPECT_EQ(told(), "1101-1101F@1");
}

TEST_F(ConnectionOutput, WhatWasSackedIsNotTakenAlong) {
    open({.mss = 1000, .sack_permitted = true});
    ASSERT_TRUE(stack.set_option(socket, Option::NoDelay, 1));
    write(400);
    write(100);
    write(200);
    const auto at = [&](std::int64_t n) {
        return wire::Seq32{stack_isn + static_cast<std::uint32_t>(n)};
    };
    wire::TcpOptions sack;
    sack.sack_blocks[sack.sack_count++] = {at(401), at(501)};
    say({.seq = 1, .ack = 1, .options = sack});
    told();
    run(450_ms);
    EXPECT_EQ(told(), "1-401@1 1-401@1") << "overtaken, then the timer";
}

// --- the tail loss probe ---

// RFC 8985 §7 with Linux's 2 ms: the last segment goes again after two round trips; a timeout is
// counted from there.
TEST_F(ConnectionOutput, TheTailIsProbedBeforeTheTimeout) {
    open({.mss = 1000, .sack_permitted = true}, 65535, 100_ms);
    const Instant start = now;
    write(3000);
    heard.clear();
    run(1_s);
    ASSERT_GE(heard.size(), 2u);
    EXPECT_EQ(heard[0].seq, 2001);
    EXPECT_EQ(heard[1].seq, 1);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{202, 502}));
    EXPECT_EQ(stack.counters()[Counter::TcpExtTCPLossProbes], 1u);
}

TEST_F(ConnectionOutput, WithoutSackThereIsNoProbe) {
    open({.mss = 1000}, 65535, 100_ms);
    const Instant start = now;
    write(3000);
    heard.clear();
    run(500_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{300}));
}

TEST_F(ConnectionOutput, WhatWaitsGoesAsTheProbe) {
    open({.mss = 1000, .sack_permitted = true}, 65535, 100_ms);
    write(12'000);
    told();
    run(250_ms);
    EXPECT_EQ(told(), "10001-11001@1") << "beyond the congestion window of ten";
}

// With one segment in flight the peer may only be slow with its ACK: the least RTO is added, and with
// that the probe leaves when the timer would ring.
TEST_F(ConnectionOutput, ALoneSegmentIsProbedAtItsTimeout) {
    open({.mss = 1000, .sack_permitted = true}, 65535, 100_ms);
    const Instant start = now;
    write(1000);
    run(1300_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{0, 300, 600, 1200}));
}

// --- what is told of gaps ---

// RFC 2018 §4: each segment tells it, data too, which is as much shorter; and so does a reset.
TEST_F(ConnectionOutput, DataTellsWhatLiesOutOfOrder) {
    open({.mss = 1000, .sack_permitted = true});
    say({.seq = 101, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@1<101-201>");
    write(1500);
    EXPECT_EQ(told(), "1-989@1<101-201> 989-1501@1<101-201>");
    run(210_ms);
    EXPECT_EQ(told(), "989-1501@1<101-201> 1-989@1<101-201>") << "a probe, then the timer";
    ASSERT_TRUE(stack.set_option(socket, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack.close(socket));
    run();
    EXPECT_EQ(told(), "R1501-1501@1<101-201>");
}

// What was sent whole goes again in two, so that there is room to tell.
TEST_F(ConnectionOutput, ARetransmissionMakesRoomForWhatIsToldSince) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_early_retrans", "0"));
    open({.mss = 1000, .sack_permitted = true});
    write(1000);
    EXPECT_EQ(told(), "1-1001@1");
    say({.seq = 101, .ack = 1, .payload = 100});
    told();
    run(210_ms);
    EXPECT_EQ(told(), "1-989@1<101-201>");
    say({.seq = 101, .ack = 989, .payload = 0});
    EXPECT_EQ(told(), "989-1001@1<101-201>");
}

// What lay beyond a FIN is thrown away: no gap was filled, and the ACK may wait for our own FIN.
TEST_F(ConnectionOutput, AFinBelowWhatLiesOutOfOrderIsNotAcknowledgedAtOnce) {
    open({.mss = 1000, .sack_permitted = true});
    say({.seq = 1, .ack = 1, .payload = 100});
    say({.seq = 501, .ack = 1, .payload = 100});
    told();
    say({.seq = 101, .ack = 1, .flags = kFinAck});
    EXPECT_EQ(told(), "");
    run(50_ms);
    EXPECT_EQ(told(), "1-1@102");
}

// RFC 2883 §4: what fills a gap covers some that had come.
TEST_F(ConnectionOutput, WhatFillsAGapAndComesTwiceIsReported) {
    open({.mss = 1000, .sack_permitted = true});
    say({.seq = 501, .ack = 1, .payload = 100});
    say({.seq = 2001, .ack = 1, .payload = 100});
    told();
    say({.seq = 1, .ack = 1, .payload = 1000});
    EXPECT_EQ(told(), "1-1@1001<501-601><2001-2101>");
    say({.seq = 1001, .ack = 1, .payload = 10});
    EXPECT_EQ(told(), "1-1@1011<2001-2101>") << "once";
}

// --- ACKs of parts, windows that shrink ---

// An ACK of a part of a segment neither starts the timer anew nor tells a round trip.
TEST_F(ConnectionOutput, AnAckOfAPartOfASegmentLeavesTheTimerAlone) {
    open({.mss = 1000}, 65535, 20_ms);
    const Instant start = now;
    write(1000);
    heard.clear();
    run(150_ms);
    say({.seq = 1, .ack = 500});
    run(100_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{220}));
}

// tcp_acceptable_seq(): beyond a window that shrank an ACK would not be read.
TEST_F(ConnectionOutput, AnAckStaysWithinAWindowThatShrank) {
    open({.mss = 1000});
    write(1001);
    heard.clear();
    say({.seq = 1, .ack = 1, .window = 0, .payload = 10});
    EXPECT_EQ(told(), "1-1@11");
}

// Measured on Linux 6.18: a window that shuts after a timeout is probed after four times the RTO.
TEST_F(ConnectionOutput, AfterATimeoutTheFirstProbeIsPatient) {
    open({.mss = 1000});
    write(100);
    run(250_ms);
    heard.clear();
    say({.seq = 1, .ack = 101, .window = 0});
    write(100);
    const Instant start = now;
    // Data that says nothing new of the window leaves the timer alone.
    run(400_ms);
    say({.seq = 1, .ack = 101, .window = 0, .payload = 10});
    heard.clear();
    run(500_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{800}));
}

// tcp_retransmit_skb(): only what the window admits goes again.
TEST_F(ConnectionOutput, ARetransmissionIsCutToAWindowThatShrank) {
    open({.mss = 1000});
    write(1000);
    heard.clear();
    say({.seq = 1, .ack = 1, .payload = 10});
    say({.seq = 11, .ack = 1, .window = 128, .payload = 10});
    told();
    run(210_ms);
    EXPECT_EQ(told(), "1-129@21");
}

// MSG_MORE is a word about its own write: with the ACK of what is in flight the rest leaves.
TEST_F(ConnectionOutput, WhatMoreHeldBackLeavesWithTheNextAck) {
    open({.mss = 1000});
    const std::vector<std::byte> bytes(1100);
    ASSERT_EQ(stack.send(socket, bytes, {.more = true}), 1100u);
    run();
    EXPECT_EQ(told(), "1-1001@1");
    say({.seq = 1, .ack = 1001});
    EXPECT_EQ(told(), "1001-1101@1");
}

// A peer that answers each probe and never opens its window is held off by TCP_USER_TIMEOUT alone.
TEST_F(ConnectionOutput, TheUserTimeoutEndsAShutWindowThatIsAnswered) {
    open();
    ASSERT_TRUE(stack.set_option(socket, Option::UserTimeout, 2000));
    write(1000);
    say({.seq = 1, .ack = 1001, .window = 0});
    write(500);
    run(200_ms);
    for (int i = 0; i < 19; ++i) {
        run(100_ms);
        say({.seq = 1, .ack = 1001, .window = 0});
        EXPECT_EQ(read(), std::string{name_of(Errc::WouldBlock)});
    }
    run(200_ms);
    EXPECT_EQ(read(), std::string{name_of(Errc::TimedOut)});
}

// --- aborting ---

TEST_F(ConnectionOutput, AnAbortCarriesTheTimestamps) {
    open({.mss = 1460, .timestamps = wire::TcpTimestamps{77, 0}});
    ASSERT_TRUE(stack.set_option(socket, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack.close(socket));
    run();
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_TRUE(heard[0].flags.rst && heard[0].flags.ack);
    ASSERT_TRUE(heard[0].options.timestamps);
    EXPECT_EQ(heard[0].options.timestamps->echo, 77u);
}

// --- a port that is still in TIME-WAIT ---

// tcp_twsk_unique(): who binds the port himself is not asked for tcp_tw_reuse.
TEST_F(ConnectionOutput, ABoundPortIsTakenOverFromTimeWait) {
    const auto connect = [&] {
        socket = *stack.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(stack.set_option(socket, Option::ReuseAddress, 1));
        EXPECT_TRUE(stack.bind(socket, {IpAddress::any(Family::Inet), kPort}));
        return stack.connect(socket, {IpAddress::v4(192, 0, 2, 2), kPeerPort}).error();
    };
    const auto answer = [&](wire::TcpFlags flags, std::int64_t seq, std::int64_t ack) {
        wire::TcpOptions options{.timestamps = heard.back().options.timestamps};
        std::swap(options.timestamps->value, options.timestamps->echo);
        options.timestamps->value = 1000;
        if (flags.syn) options.mss = 1460;
        say({.seq = seq, .ack = ack, .flags = flags, .options = options});
    };
    ASSERT_EQ(connect(), Errc::InProgress);
    run();
    stack_isn += static_cast<std::uint32_t>(heard.at(0).seq);
    answer({.syn = true, .ack = true}, 0, 1);
    ASSERT_TRUE(stack.close(socket));
    run();
    answer(kFinAck, 1, 2);
    heard.clear();
    EXPECT_EQ(connect(), Errc::InProgress);
    run();
    EXPECT_EQ(told(), "S65539-65539@-5000") << "beyond the old connection's numbers (RFC 6191)";
}

}  // namespace
}  // namespace fairlead::tcp
